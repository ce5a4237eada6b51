// Checks that uploads, fetched ahead or not, inside of captured steps and outside, give the values of the CPU on the emulated
// device in whatever order its two streams run, seed by seed. Exits with 1 where they do not: an event is missing.
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "check/session.h"
#include "cpu/device.h"
#include "cuda/device.h"

using namespace ldc;
using check_program::Session;

namespace {

constexpr int kSteps = 13, kSide = 4;
const std::vector<int64_t> kShape = {2, 3, kSide, kSide};

// Whole numbers, so that every device has the same bits.
std::vector<float> work(Device& device, bool ahead) {
  Session s(device);
  const float scale[3] = {1, 1, 1}, shift[3] = {0, 0, 0};
  const Tensor sum = s.features(kShape);
  s.run("fill", [=](Kernels& k) { k.fill(sum, 0); });
  std::vector<float> results;
  std::vector<uint8_t> pixels(2 * kSide * kSide * 3);
  std::vector<float> terms(2 * 3 * kSide * kSide);
  const auto make = [&](const std::vector<int64_t>& shape, Layout layout, DType type) {
    Tensor t;
    t.dtype = type;
    t.layout = layout;
    t.rank = static_cast<int>(shape.size());
    for (size_t i = 0; i < shape.size(); ++i) t.shape[i] = shape[i];
    t.data = device.allocate(device.bytes_of_tensor(t));
    return t;
  };
  const auto fill_pixels = [&](int step) {
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 7 + static_cast<size_t>(step) * 31);
  };
  // x is made in memory that the work before has just released.
  const auto add_terms = [&](int step) {
    for (size_t i = 0; i < terms.size(); ++i) terms[i] = static_cast<float>(static_cast<int>(i % 5) * step);
    const Tensor dense = make(kShape, Layout::dense, DType::f32), x = make(kShape, Layout::features, DType::f32);
    device.upload(terms.data(), dense.data, terms.size() * sizeof(float));
    device.submit("to_features", [=](Kernels& k) {
      k.to_features(dense, x);
      k.accumulate(x, sum);
    });
    device.release(dense.data);
    device.release(x.data);
  };
  bool fetched = false;
  for (int step = 0; step < kSteps; ++step) {
    const bool captured = step % 4 != 3;
    if (captured) device.begin_step();
    const Tensor bytes = make({2, kSide, kSide, 3}, Layout::dense, DType::u8), x = make(kShape, Layout::features, DType::f32);
    fill_pixels(step);
    if (fetched) {
      device.upload_prefetched(bytes.data);
    } else {
      device.upload(pixels.data(), bytes.data, pixels.size());
    }
    device.submit("images", [=](Kernels& k) {
      k.images_to_features(bytes, scale, shift, x);
      k.accumulate(x, sum);
      k.scale(sum, 2, x);
      k.scale(x, 0.5f, sum);
    });
    device.release(bytes.data);
    device.release(x.data);
    if (captured || step > 8) add_terms(step);
    if (captured) device.end_step();
    fill_pixels(step + 1);
    fetched = ahead && step + 1 < kSteps && step != 4 && device.prefetch(pixels.data(), pixels.size());
    // No device has room for this: what was fetched before stays.
    if (fetched && step % 3 == 0 && device.prefetch(pixels.data(), size_t{1} << 60)) throw std::logic_error("fetched without memory");
    std::fill(pixels.begin(), pixels.end(), uint8_t{255});
    // An upload outside of steps puts the streams in order: nothing else would be missed where there is one after every step.
    if (step > 8) {
      add_terms(step + 1);
      add_terms(step + 2);
    }
    if (step == 5) results = s.read(sum);
  }
  const std::vector<float> last = s.read(sum);
  results.insert(results.end(), last.begin(), last.end());
  return results;
}

}  // namespace

int main() {
  const std::vector<float> want = work(*cpu::make_device(1), true);
  int wrong = 0;
  for (uint64_t seed = 0; seed < 24; ++seed) {
    for (const bool ahead : {false, true}) {
      const auto device = cuda::make_emulated_device(cuda::Precision::fp32, seed, true);
      try {
        if (work(*device, ahead) == want) continue;
        std::printf("FAIL seed %d%s: other values than the CPU\n", static_cast<int>(seed), ahead ? ", fetched ahead" : "");
      } catch (const std::exception& error) {
        std::printf("FAIL seed %d%s: %s\n", static_cast<int>(seed), ahead ? ", fetched ahead" : "", error.what());
      }
      ++wrong;
    }
  }
  std::printf("%d failures\n", wrong);
  return wrong == 0 ? 0 : 1;
}
