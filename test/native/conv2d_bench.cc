// Times the convolution kernels on the network's layers and prints GFLOP/s and the share of the FMA peak measured beside
// them.
//
//   conv2d_bench [--isa avx512|avx2|scalar] [--threads 2] [--batch 30] [--repeats 7] [--layer TEXT]
//                [--algorithm automatic|direct|winograd|f2|f4]
//   conv2d_bench --sizes 4,5,6 [--channels 64,128] [--isa, --threads, --batch, --repeats]
//                3x3 layers of these heights and widths, the algorithms by turns: how many times as fast as direct F(2x2) and
//                F(4x4) are, by which `automatic` decides
//
// GFLOP/s count the multiply-adds of the direct sum, so Winograd may exceed the peak. Each figure is the best of its
// repeats; the peak is measured again before every layer, since shared machines drift. With one thread its processor time is
// measured, not the time that passes, which other jobs would spoil.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "../../src/native/cpu/features.h"
#include "../../src/native/cpu/isa.h"
#include "../../src/native/cpu/peak.h"
#include "../../src/native/cpu/pool.h"
#include "../../src/native/cpu/scratch.h"
#include "../../src/native/kernels.h"

using namespace ldc;

namespace {

bool processor_time = false;

double now() {
  if (processor_time) {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class Body>
double best_seconds(int repeats, const Body& body) {
  double best = 1e30;
  for (int i = 0; i < repeats + 1; ++i) {  // the first warms up
    const double start = now();
    body();
    const double seconds = now() - start;
    if (i > 0 && seconds < best) best = seconds;
  }
  return best;
}

std::vector<int64_t> numbers(const std::string& list) {
  std::vector<int64_t> all;
  for (const char* p = list.c_str(); *p != 0;) {
    char* end = nullptr;
    all.push_back(std::strtol(p, &end, 10));
    p = *end == ',' ? end + 1 : end + std::strlen(end);
  }
  return all;
}

struct Memory {
  Tensor tensor;
  Memory(Layout layout, std::vector<int64_t> shape) {
    tensor.layout = layout;
    tensor.rank = int(shape.size());
    for (size_t i = 0; i < shape.size(); ++i) tensor.shape[i] = shape[i];
    const size_t count = size_t(layout == Layout::features ? cpu::stored_elements(tensor) : tensor.elements());
    float* data = static_cast<float*>(std::aligned_alloc(1 << 21, ((count * 4) | ((1 << 21) - 1)) + 1));
    for (size_t i = 0; i < count; ++i) data[i] = 1e-3f * float(int(i * 2654435761u >> 20) % 2001 - 1000);
    tensor.data = data;
  }
  Memory(const Memory&) = delete;
  ~Memory() { std::free(tensor.data); }
};

struct Layer {
  const char* name;
  int64_t c, size, k, kernel;
  int stride, padding;
};

const Layer layers[] = {
    {"conv1 7x7 s2 3-64 @256", 3, 256, 64, 7, 2, 3},    {"layer1 64 @64", 64, 64, 64, 3, 1, 1},
    {"layer2.0 s2 64-128 @64", 64, 64, 128, 3, 2, 1},   {"layer2 128 @32", 128, 32, 128, 3, 1, 1},
    {"layer3.0 s2 128-256 @32", 128, 32, 256, 3, 2, 1}, {"layer3 256 @16", 256, 16, 256, 3, 1, 1},
    {"layer4.0 s2 256-512 @16", 256, 16, 512, 3, 2, 1}, {"layer4 512 @8", 512, 8, 512, 3, 1, 1},
    {"head 448-128 @32", 448, 32, 128, 3, 1, 1},        {"head 128-64 @32", 128, 32, 64, 3, 1, 1},
    {"head 64-1 @32", 64, 32, 1, 3, 1, 1},              {"1x1 s2 64-128 @64", 64, 64, 128, 1, 2, 0},
    {"1x1 s2 128-256 @32", 128, 32, 256, 1, 2, 0},      {"1x1 s2 256-512 @16", 256, 16, 512, 1, 2, 0}};

// Best seconds of packing (forward, data gradient), forward pass, data gradient and weight gradient.
struct Times {
  double pack = 1e30, pack_back = 1e30, forward = 1e30, data_grad = 1e30, weight_grad = 1e30;
  void keep_best(const Times& t) {
    pack = std::min(pack, t.pack), pack_back = std::min(pack_back, t.pack_back), forward = std::min(forward, t.forward);
    data_grad = std::min(data_grad, t.data_grad), weight_grad = std::min(weight_grad, t.weight_grad);
  }
};

int64_t output_size(const Layer& l) { return (l.size + 2 * l.padding - l.kernel) / l.stride + 1; }

Times measure(Kernels& kernels, const Layer& l, int64_t batch, ConvAlgorithm algorithm, int repeats) {
  const bool descriptive = l.kernel == 3;
  const Descriptor descriptor = descriptive ? Descriptor::ldc : Descriptor::vanilla;
  const Conv2d conv{l.size, l.size, l.stride, l.padding, algorithm, descriptor, 0};
  const int64_t out = output_size(l);
  Memory x(Layout::features, {batch, l.c, l.size, l.size}), dx(Layout::features, {batch, l.c, l.size, l.size});
  Memory y(Layout::features, {batch, l.k, out, out}), dy(Layout::features, {batch, l.k, out, out});
  Memory w(Layout::dense, {l.k, l.c, l.kernel, l.kernel}), dw(Layout::dense, {l.k, l.c, l.kernel, l.kernel});
  Memory m(Layout::dense, {l.k, l.c}), dm(Layout::dense, {l.k, l.c}), theta(Layout::dense, {1}), dtheta(Layout::dense, {1});
  const Tensor none, mt = descriptive ? m.tensor : none, tt = descriptive ? theta.tensor : none;
  const Tensor dmt = descriptive ? dm.tensor : none, dtt = descriptive ? dtheta.tensor : none;
  Memory forward(Layout::packed, {kernels.conv2d_packed_elements(conv, l.k, l.c, l.kernel, ConvPass::forward)});
  Memory backward(Layout::packed, {kernels.conv2d_packed_elements(conv, l.k, l.c, l.kernel, ConvPass::data_grad)});
  auto pack = [&](ConvPass pass, const Tensor& packed) {
    return best_seconds(repeats, [&] { kernels.conv2d_pack(conv, w.tensor, mt, tt, pass, packed); });
  };
  Times t;
  t.pack = pack(ConvPass::forward, forward.tensor);
  t.pack_back = pack(ConvPass::data_grad, backward.tensor);
  t.forward =
      best_seconds(repeats, [&] { kernels.conv2d_forward(conv, x.tensor, forward.tensor, l.kernel, none, y.tensor); });
  t.data_grad =
      best_seconds(repeats, [&] { kernels.conv2d_data_grad(conv, dy.tensor, backward.tensor, l.kernel, dx.tensor); });
  t.weight_grad = best_seconds(repeats, [&] {
    kernels.conv2d_weight_grad(conv, x.tensor, dy.tensor, w.tensor, mt, tt, dw.tensor, dmt, dtt, none);
  });
  return t;
}

// Forward, data gradient, weight gradient and all of a training step with its packing, relative to direct.
void compare_sizes(Kernels& kernels, const std::vector<int64_t>& sizes, const std::vector<int64_t>& channels, int64_t batch,
                   int repeats) {
  std::printf("times as fast as direct: forward, data grad, weight grad; a step with its packing\n");
  std::printf("%-10s %-12s %-28s %-28s\n", "channels", "size", "F(2x2)", "F(4x4)");
  for (int64_t c : channels) {
    for (int64_t size : sizes) {
      const Layer layer{"", c, size, c, 3, 1, 1};
      const ConvAlgorithm algorithms[] = {ConvAlgorithm::direct, ConvAlgorithm::winograd_f2, ConvAlgorithm::winograd_f4};
      Times best[3];
      for (int turn = 0; turn < repeats; ++turn) {
        for (int i = 0; i < 3; ++i) best[i].keep_best(measure(kernels, layer, batch, algorithms[i], 2));
      }
      std::printf("%-10ld %-12ld", long(c), long(size));
      for (int i = 1; i < 3; ++i) {
        const Times &d = best[0], &t = best[i];
        auto sum = [](const Times& a) { return a.pack + a.pack_back + a.forward + a.data_grad + a.weight_grad; };
        std::printf(" %5.2f %5.2f %5.2f; %5.2f     ", d.forward / t.forward, d.data_grad / t.data_grad,
                    d.weight_grad / t.weight_grad, sum(d) / sum(t));
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  cpu::Isa isa = cpu::choose_isa();
  int threads = 2, repeats = 7;
  int64_t batch = 30;
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;
  std::string only;
  std::vector<int64_t> sizes, channels = {64, 128, 256, 512};
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i], value = argv[i + 1];
    if (key == "--isa")
      isa = value == "avx512" ? cpu::Isa::avx512 : value == "avx2" ? cpu::Isa::avx2 : cpu::Isa::scalar;
    if (key == "--threads") threads = std::atoi(value.c_str());
    if (key == "--batch") batch = std::atoi(value.c_str());
    if (key == "--repeats") repeats = std::atoi(value.c_str());
    if (key == "--algorithm" && value == "direct") algorithm = ConvAlgorithm::direct;
    if (key == "--algorithm" && value == "winograd") algorithm = ConvAlgorithm::winograd;
    if (key == "--algorithm" && value == "f2") algorithm = ConvAlgorithm::winograd_f2;
    if (key == "--algorithm" && value == "f4") algorithm = ConvAlgorithm::winograd_f4;
    if (key == "--layer") only = value;
    if (key == "--sizes") sizes = numbers(value);
    if (key == "--channels") channels = numbers(value);
  }
  processor_time = threads == 1;
  cpu::Pool pool(threads);
  cpu::Scratch scratch;
  const auto kernels = cpu::make_kernels(isa, pool, scratch);
  std::printf("%s, %d threads, batch %ld; GFLOP/s (%% of FMA peak)\n", cpu::name_of(isa), threads, long(batch));
  if (!sizes.empty()) {
    compare_sizes(*kernels, sizes, channels, batch, repeats);
    return 0;
  }
  std::printf("%-24s %6s  %-14s %-14s %-14s %10s\n", "layer", "peak", "forward", "data grad", "weight grad", "pack ms");
  for (const Layer& l : layers) {
    if (!only.empty() && std::string(l.name).find(only) == std::string::npos) continue;
    const double peak = cpu::fma_gflops(pool, isa);
    const Times t = measure(*kernels, l, batch, algorithm, repeats);
    const int64_t out = output_size(l);
    const double work = 2e-9 * double(batch * out * out * l.k * l.c * l.kernel * l.kernel);
    auto cell = [&](double seconds) {
      char text[32];
      std::snprintf(text, sizeof text, "%5.0f (%3.0f %%)", work / seconds, peak > 0 ? 100 * work / seconds / peak : 0);
      return std::string(text);
    };
    std::printf("%-24s %6.0f  %-14s %-14s %-14s %4.1f %4.1f\n", l.name, peak, cell(t.forward).c_str(),
                cell(t.data_grad).c_str(), cell(t.weight_grad).c_str(), t.pack * 1e3, t.pack_back * 1e3);
    std::fflush(stdout);
  }
}
