#include "program.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "../cpu/device.h"
#include "../cpu/peak.h"
#include "../cuda/device.h"
#include "layers.h"
#include "parity.h"
#include "timing.h"

namespace ldc::check_program {

namespace {

// Bytes: twice the L2 of the largest GPU.
constexpr int64_t kLargestCache = 256 << 20;

struct Call {
  std::vector<std::string> folders, steps;
  std::string device = "cuda";
  cuda::Precision precision = cuda::Precision::fp32;
  uint64_t seed = 0;
  bool followed = true, layers = false, time = false;
  LayerCheck layer_check;
  double peak = 0;  // FLOP/s; 0: the device's own
};

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

Call read_call(const std::vector<std::string>& words) {
  Call call;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto value = [&]() -> const std::string& {
      if (++i >= words.size()) refuse(word + " needs a value");
      return words[i];
    };
    if (word == "--device") {
      call.device = value();
    } else if (word == "--precision") {
      const std::string name = value();
      try {
        call.precision = cuda::precision_of(name);
      } catch (const std::invalid_argument& error) {
        refuse(error.what());
      }
    } else if (word == "--seed") {
      call.seed = std::strtoull(value().c_str(), nullptr, 10);
    } else if (word == "--unfollowed") {
      call.followed = false;
    } else if (word == "--layers") {
      call.layers = true;
    } else if (word == "--only") {
      call.layer_check.only = value();
    } else if (word == "--batch") {
      call.layer_check.batch = std::strtoll(value().c_str(), nullptr, 10);
    } else if (word == "--size") {
      call.layer_check.size = std::strtoll(value().c_str(), nullptr, 10);
    } else if (word == "--time") {
      call.time = true;
    } else if (word == "--peak") {
      call.peak = std::strtod(value().c_str(), nullptr) * 1e12;
      if (!(call.peak > 0)) refuse("--peak is a number of TFLOP/s");
    } else if (word[0] == '-') {
      refuse("there is no option " + word);
    } else if (word.size() > 5 && word.compare(word.size() - 5, 5, ".json") == 0) {
      call.steps.push_back(word);
    } else {
      call.folders.push_back(word);
    }
  }
  if (call.folders.empty() && call.steps.empty() && !call.layers && !call.time) {
    refuse("name a fixture folder or a recorded step, or --layers or --time");
  }
  if (call.layer_check.batch < 1 || call.layer_check.size < 64) refuse("layers need a batch of at least 1 and images of at least 64 pixels");
  return call;
}

std::unique_ptr<Device> open(const Call& call) {
  if (call.device == "cpu") return cpu::make_device(0, call.precision == cuda::Precision::bf16);
#ifdef LDC_CUDA_EMULATOR
  if (call.device == "cuda-emulated") return cuda::make_emulated_device(call.precision, call.seed, call.followed);
#endif
#ifdef LDC_CUDA
  if (call.device == "cuda") return cuda::make_device(0, call.precision);
#endif
  refuse("this program was built without the device " + call.device);
}

// TF32 has 10 bits of mantissa, BF16 7. A GPU without tensor cores for them computes in fp32.
Rounding rounding_of(const Call& call, const Device& device) {
  const std::string description = device.description();
  const auto computes_in = [&](cuda::Precision p) { return call.precision == p && description.ends_with(cuda::name_of(p)); };
  if (computes_in(cuda::Precision::tf32)) return {0x1p-11, DType::f32};
  if (computes_in(cuda::Precision::bf16)) return {0x1p-8, DType::bf16};
  return {};
}

// FLOP/s; 0 for the emulated device, whose times say nothing.
double peak_of(const Call& call, const Device& device) {
  if (call.peak > 0) return call.peak;
  if (call.device == "cpu") {
    cpu::Pool pool(device.threads());
    return cpu::fma_gflops(pool, cpu::choose_isa()) * 1e9;
  }
#ifdef LDC_CUDA
  if (call.device == "cuda") return cuda::peak_flops(0, call.precision);
#endif
  return 0;
}

void run(const Call& call, bool& good) {
  const std::unique_ptr<Device> device = open(call);
  std::printf("device: %s\n", device->description().c_str());
  const Rounding rounding = rounding_of(call, *device);
  const std::unique_ptr<Device> reference = cpu::make_device(1);
  for (const std::string& folder : call.folders) {
    const Verdict v = check_folder(*device, folder, rounding, *reference);
    std::printf("%s: %d cases, %d tensors, %d beyond their limit; largest share of a limit %.3f (%s)\n", folder.c_str(), v.cases, v.tensors,
                v.failed, v.largest_share, v.largest_where.c_str());
    good = good && v.failed == 0 && v.cases > 0;
  }
  if (call.layers) {
    LayerCheck how = call.layer_check;
    how.rounding = rounding;
    const std::unique_ptr<Device> threads = cpu::make_device(0);
    good = check_layers(*device, *threads, how) && good;
  }
  const double peak = call.time ? peak_of(call, *device) : 0;
  if (peak > 0) std::printf("peak: %.3f TFLOP/s\n", peak * 1e-12);
  if (call.time) time_layers(*device, rounding.features, peak, call.device == "cuda" ? kLargestCache : 0);
  for (const std::string& step : call.steps) good = check_step(*device, step, call.device != "cpu", call.time, peak) && good;
}

}  // namespace

int check(const std::vector<std::string>& words) {
  bool good = true;
  try {
    run(read_call(words), good);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ldc_check: %s\n", error.what());
    return 2;
  }
  std::fflush(stdout);
  return good ? 0 : 1;
}

}  // namespace ldc::check_program
