#include "timing.h"

#include <algorithm>
#include <cstdio>
#include <random>

#include "session.h"

namespace ldc::check_program {

namespace {

constexpr int64_t kBatch = 30;
constexpr int kWarmUp = 3, kRepeats = 20;

// A convolution of LDCNet; `times` is how often the network has it.
struct Layer {
  const char* name;
  int64_t in, out, size;  // input channels, output channels, input height and width
  int kernel, stride;
  int times;
};

constexpr Layer kLayers[] = {
    {"stem 7x7 s2", 3, 64, 256, 7, 2, 1},     {"layer1 3x3", 64, 64, 64, 3, 1, 4},      {"layer2 3x3 s2", 64, 128, 64, 3, 2, 1},
    {"layer2 1x1 s2", 64, 128, 64, 1, 2, 1},  {"layer2 3x3", 128, 128, 32, 3, 1, 3},    {"layer3 3x3 s2", 128, 256, 32, 3, 2, 1},
    {"layer3 1x1 s2", 128, 256, 32, 1, 2, 1}, {"layer3 3x3", 256, 256, 16, 3, 1, 3},    {"layer4 3x3 s2", 256, 512, 16, 3, 2, 1},
    {"layer4 1x1 s2", 256, 512, 16, 1, 2, 1}, {"layer4 3x3", 512, 512, 8, 3, 1, 3},     {"head 448-128", 448, 128, 32, 3, 1, 2},
    {"head 128-64", 128, 64, 32, 3, 1, 2},    {"head 64-1", 64, 1, 32, 3, 1, 2},
};

Values random_values(const std::vector<int64_t>& shape, uint32_t seed) {
  Values v{shape, {}};
  size_t count = 1;
  for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
  v.data.resize(count);
  std::mt19937 generator(seed);
  for (float& x : v.data) x = static_cast<float>(generator()) * 0x1p-31f - 1.0f;
  return v;
}

// Median seconds of one piece of work: device events on a GPU, the clock elsewhere (Device::take_times).
template <class Work>
double seconds_of(Session& s, Work work) {
  for (int i = 0; i < kWarmUp; ++i) s.run("warm-up", work);
  s.device.set_profiling(true);
  s.device.take_times();
  for (int i = 0; i < kRepeats; ++i) s.run("timed", work);
  std::vector<WorkTime> times = s.device.take_times();
  s.device.set_profiling(false);
  times.erase(std::remove_if(times.begin(), times.end(), [](const WorkTime& t) { return std::string(t.name) != "timed"; }), times.end());
  std::sort(times.begin(), times.end(), [](const WorkTime& a, const WorkTime& b) { return a.seconds < b.seconds; });
  return times.at(times.size() / 2).seconds;
}

// Returns the seconds that the network spends in layers like this one.
double time_convolution(Session& s, const Layer& layer) {
  Conv2d conv;
  conv.height = conv.width = layer.size;
  conv.stride = layer.stride;
  conv.padding = layer.kernel / 2;
  const bool ldc = layer.kernel == 3;
  conv.descriptor = ldc ? Descriptor::ldc : Descriptor::vanilla;
  const int64_t out_size = (layer.size + 2 * conv.padding - layer.kernel) / layer.stride + 1, kernel = layer.kernel;
  const Tensor x = s.features(random_values({kBatch, layer.in, layer.size, layer.size}, 1));
  const Tensor dy = s.features(random_values({kBatch, layer.out, out_size, out_size}, 2));
  const Tensor w = s.dense(random_values({layer.out, layer.in, kernel, kernel}, 3));
  const Tensor m = ldc ? s.dense(random_values({layer.out, layer.in}, 4)) : Tensor{};
  const Tensor theta = ldc ? s.dense(random_values({1}, 5)) : Tensor{};
  const Tensor y = s.like(dy), dx = s.like(x), dw = s.like(w), dm = ldc ? s.like(m) : Tensor{}, dtheta = ldc ? s.like(theta) : Tensor{};
  const auto packed = [&](ConvPass pass) {
    return s.tensor({s.device.kernels().conv2d_packed_elements(conv, layer.out, layer.in, kernel, pass)}, Layout::packed);
  };
  const Tensor forward = packed(ConvPass::forward), backward = packed(ConvPass::data_grad);
  s.run("conv2d_pack", [=](Kernels& k) {
    k.conv2d_pack(conv, w, m, theta, ConvPass::forward, forward);
    k.conv2d_pack(conv, w, m, theta, ConvPass::data_grad, backward);
  });
  const double t[3] = {
      seconds_of(s, [=](Kernels& k) { k.conv2d_forward(conv, x, forward, kernel, Tensor{}, y); }),
      seconds_of(s, [=](Kernels& k) { k.conv2d_data_grad(conv, dy, backward, kernel, dx); }),
      seconds_of(s, [=](Kernels& k) { k.conv2d_weight_grad(conv, x, dy, w, m, theta, dw, dm, dtheta, Tensor{}); }),
  };
  s.read(dw);  // surfaces an error of the device
  const double flop = 2.0 * static_cast<double>(kBatch * out_size * out_size * layer.out * layer.in * kernel * kernel);
  std::printf("%-16s x%d %9.3f %9.3f %9.3f   %7.2f %7.2f %7.2f\n", layer.name, layer.times, t[0] * 1e3, t[1] * 1e3, t[2] * 1e3,
              flop / t[0] * 1e-12, flop / t[1] * 1e-12, flop / t[2] * 1e-12);
  s.clear();
  return layer.times * (t[0] + t[1] + t[2]);
}

// `passes`: how many times the tensor's bytes are read or written.
template <class Work>
void time_bytes(Session& s, const char* name, const Tensor& x, int passes, Work work) {
  const double t = seconds_of(s, work);
  const double bytes = static_cast<double>(s.device.bytes_of_tensor(x)) * passes;
  std::printf("%-28s %9.3f ms   %8.1f GB/s\n", name, t * 1e3, bytes / t * 1e-9);
}

void time_memory_bound(Session& s) {
  const Tensor x = s.features(random_values({kBatch, 64, 64, 64}, 6)), dy = s.features(random_values({kBatch, 64, 64, 64}, 7));
  const Tensor y = s.like(x), dx = s.like(x), mean = s.dense(random_values({64}, 8)), inv = s.dense(random_values({64}, 9));
  const Tensor gamma = s.dense(random_values({64}, 10)), beta = s.dense(random_values({64}, 11)), rm = s.like(mean), rv = s.like(mean);
  const Tensor dgamma = s.like(gamma), dbeta = s.like(beta);
  std::printf("\nfeatures [%d,64,64,64]\n", static_cast<int>(kBatch));
  time_bytes(s, "add", x, 3, [=](Kernels& k) { k.add(x, dy, y); });
  time_bytes(s, "batch_norm_moments", x, 1, [=](Kernels& k) { k.batch_norm_moments(x, 1e-5f, 0.1f, mean, inv, rm, rv); });
  time_bytes(s, "batch_norm_forward relu", x, 2, [=](Kernels& k) { k.batch_norm_forward(x, mean, inv, gamma, beta, Tensor{}, true, y); });
  time_bytes(s, "batch_norm_backward relu", x, 7,
             [=](Kernels& k) { k.batch_norm_backward(x, y, dy, mean, inv, gamma, true, dx, Tensor{}, dgamma, dbeta); });
  s.clear();
}

}  // namespace

void time_layers(Device& device) {
  Session s(device);
  std::printf("\nbatch %d           ms: forward data_grad wt_grad   TFLOP/s of the same\n", static_cast<int>(kBatch));
  double sum = 0;
  for (const Layer& layer : kLayers) sum += time_convolution(s, layer);
  std::printf("convolutions of one training step: %.3f ms\n", sum * 1e3);
  time_memory_bound(s);
}

}  // namespace ldc::check_program
