// Times the convolution kernels on the network's layers and prints GFLOP/s and the share of the FMA peak measured beside
// them.
//
//   conv2d_bench [--isa avx512|avx2|scalar] [--threads 2] [--batch 30] [--repeats 7] [--layer TEXT]
//                [--algorithm automatic|direct|winograd]
//
// GFLOP/s count the multiply-adds of the direct sum, so Winograd may exceed the peak. Each figure is the best of its
// repeats; the peak is measured again before every layer, since shared machines drift. With one thread its processor time is
// measured, not the time that passes, which other jobs would spoil.
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

}  // namespace

int main(int argc, char** argv) {
  cpu::Isa isa = cpu::choose_isa();
  int threads = 2, repeats = 7;
  int64_t batch = 30;
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;
  std::string only;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i], value = argv[i + 1];
    if (key == "--isa")
      isa = value == "avx512" ? cpu::Isa::avx512 : value == "avx2" ? cpu::Isa::avx2 : cpu::Isa::scalar;
    if (key == "--threads") threads = std::atoi(value.c_str());
    if (key == "--batch") batch = std::atoi(value.c_str());
    if (key == "--repeats") repeats = std::atoi(value.c_str());
    if (key == "--algorithm" && value == "direct") algorithm = ConvAlgorithm::direct;
    if (key == "--algorithm" && value == "winograd") algorithm = ConvAlgorithm::winograd;
    if (key == "--layer") only = value;
  }
  processor_time = threads == 1;
  cpu::Pool pool(threads);
  cpu::Scratch scratch;
  const auto kernels = cpu::make_kernels(isa, pool, scratch);
  std::printf("%s, %d threads, batch %ld; GFLOP/s (%% of FMA peak)\n", cpu::name_of(isa), threads, long(batch));
  std::printf("%-24s %6s  %-14s %-14s %-14s %10s\n", "layer", "peak", "forward", "data grad", "weight grad", "pack ms");
  for (const Layer& l : layers) {
    if (!only.empty() && std::string(l.name).find(only) == std::string::npos) continue;
    const bool descriptive = l.kernel == 3;
    const Descriptor descriptor = descriptive ? Descriptor::ldc : Descriptor::vanilla;
    const Conv2d conv{l.size, l.size, l.stride, l.padding, algorithm, descriptor, 0};
    const int64_t out = (l.size + 2 * l.padding - l.kernel) / l.stride + 1;
    Memory x(Layout::features, {batch, l.c, l.size, l.size}), dx(Layout::features, {batch, l.c, l.size, l.size});
    Memory y(Layout::features, {batch, l.k, out, out}), dy(Layout::features, {batch, l.k, out, out});
    Memory w(Layout::dense, {l.k, l.c, l.kernel, l.kernel}), dw(Layout::dense, {l.k, l.c, l.kernel, l.kernel});
    Memory m(Layout::dense, {l.k, l.c}), dm(Layout::dense, {l.k, l.c}), theta(Layout::dense, {1}), dtheta(Layout::dense, {1});
    const Tensor none, mt = descriptive ? m.tensor : none, tt = descriptive ? theta.tensor : none;
    const Tensor dmt = descriptive ? dm.tensor : none, dtt = descriptive ? dtheta.tensor : none;
    Memory forward(Layout::packed, {kernels->conv2d_packed_elements(conv, l.k, l.c, l.kernel, ConvPass::forward)});
    Memory backward(Layout::packed, {kernels->conv2d_packed_elements(conv, l.k, l.c, l.kernel, ConvPass::data_grad)});
    const double peak = cpu::fma_gflops(pool, isa);
    const double work = 2e-9 * double(batch * out * out * l.k * l.c * l.kernel * l.kernel);
    auto pack_for = [&](ConvPass pass, const Tensor& packed) {
      return best_seconds(repeats, [&] { kernels->conv2d_pack(conv, w.tensor, mt, tt, pass, packed); });
    };
    const double pack = pack_for(ConvPass::forward, forward.tensor);
    const double pack_back = pack_for(ConvPass::data_grad, backward.tensor);
    const double f = best_seconds(
        repeats, [&] { kernels->conv2d_forward(conv, x.tensor, forward.tensor, l.kernel, none, y.tensor); });
    const double d = best_seconds(
        repeats, [&] { kernels->conv2d_data_grad(conv, dy.tensor, backward.tensor, l.kernel, dx.tensor); });
    const double g = best_seconds(repeats, [&] {
      kernels->conv2d_weight_grad(conv, x.tensor, dy.tensor, w.tensor, mt, tt, dw.tensor, dmt, dtt, none);
    });
    auto cell = [&](double seconds) {
      char text[32];
      std::snprintf(text, sizeof text, "%5.0f (%3.0f %%)", work / seconds, peak > 0 ? 100 * work / seconds / peak : 0);
      return std::string(text);
    };
    std::printf("%-24s %6.0f  %-14s %-14s %-14s %4.1f %4.1f\n", l.name, peak, cell(f).c_str(), cell(d).c_str(),
                cell(g).c_str(), pack * 1e3, pack_back * 1e3);
    std::fflush(stdout);
  }
}
