#include "timing.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "layers.h"
#include "recorded_step.h"
#include "session.h"

namespace ldc::check_program {

namespace {

constexpr int kWarmUp = 3, kRepeats = 20;

// Median seconds of what the device has timed under a name: device events on a GPU, the clock elsewhere (Device::take_times).
double median_seconds(Device& device, const char* name) {
  std::vector<WorkTime> times = device.take_times();
  device.set_profiling(Profiling::off);
  times.erase(std::remove_if(times.begin(), times.end(), [&](const WorkTime& t) { return std::strcmp(t.name, name) != 0; }), times.end());
  std::sort(times.begin(), times.end(), [](const WorkTime& a, const WorkTime& b) { return a.seconds < b.seconds; });
  return times.at(times.size() / 2).seconds;
}

// Between repeats `cold` is written, where there is one: larger than the cache, so that operands come from memory as in a step, and so long
// that the host has submitted the next repeat before the device gets there.
template <class Work>
double seconds_of(Session& s, const Tensor& cold, Work work) {
  for (int i = 0; i < kWarmUp; ++i) s.run("warm-up", work);
  s.device.set_profiling(Profiling::work);
  s.device.take_times();
  for (int i = 0; i < kRepeats; ++i) {
    if (cold) s.run("cold", [=](Kernels& k) { k.fill(cold, 0); });
    s.run("timed", work);
  }
  return median_seconds(s.device, "timed");
}

// TFLOP/s, and their share of the peak where it is known.
std::string rate(double flop_per_second, double peak) {
  char text[64];
  std::snprintf(text, sizeof text, peak > 0 ? "%7.2f %3.0f %%" : "%7.2f", flop_per_second * 1e-12, 100 * flop_per_second / peak);
  return text;
}

// Returns the seconds that the network spends in layers like this one.
double time_convolution(Session& s, const Tensor& cold, const Layer& layer, double peak) {
  Conv2d conv;
  conv.height = conv.width = layer.size;
  conv.stride = layer.stride;
  conv.padding = layer.kernel / 2;
  conv.dtype = s.feature_type;
  const bool ldc = layer.descriptive();
  conv.descriptor = ldc ? Descriptor::ldc : Descriptor::vanilla;
  const int64_t out_size = layer.output_size(layer.size), kernel = layer.kernel;
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
      seconds_of(s, cold, [=](Kernels& k) { k.conv2d_forward(conv, x, forward, kernel, Tensor{}, y); }),
      seconds_of(s, cold, [=](Kernels& k) { k.conv2d_data_grad(conv, dy, backward, kernel, dx); }),
      seconds_of(s, cold, [=](Kernels& k) { k.conv2d_weight_grad(conv, x, dy, w, m, theta, dw, dm, dtheta, Tensor{}); }),
  };
  s.read(dw);  // surfaces an error of the device
  const double flop = 2.0 * static_cast<double>(kBatch * out_size * out_size * layer.out * layer.in * kernel * kernel);
  std::printf("%-16s x%d %9.3f %9.3f %9.3f  ", layer.name, layer.times, t[0] * 1e3, t[1] * 1e3, t[2] * 1e3);
  for (const double seconds : t) std::printf(" %s", rate(flop / seconds, peak).c_str());
  std::printf("\n");
  s.clear();
  return layer.times * (t[0] + t[1] + t[2]);
}

// `passes`: how many times the tensor's bytes are read or written.
template <class Work>
void time_bytes(Session& s, const Tensor& cold, const char* name, const Tensor& x, int passes, Work work) {
  const double t = seconds_of(s, cold, work);
  const double bytes = static_cast<double>(s.device.bytes_of_tensor(x)) * passes;
  std::printf("%-28s %9.3f ms   %8.1f GB/s\n", name, t * 1e3, bytes / t * 1e-9);
}

void time_memory_bound(Session& s, const Tensor& cold) {
  const Tensor x = s.features(random_values({kBatch, 64, 64, 64}, 6)), dy = s.features(random_values({kBatch, 64, 64, 64}, 7));
  const Tensor y = s.like(x), dx = s.like(x), mean = s.dense(random_values({64}, 8)), inv = s.dense(random_values({64}, 9));
  const Tensor gamma = s.dense(random_values({64}, 10)), beta = s.dense(random_values({64}, 11)), rm = s.like(mean), rv = s.like(mean);
  const Tensor dgamma = s.like(gamma), dbeta = s.like(beta);
  std::printf("\nfeatures [%d,64,64,64]\n", static_cast<int>(kBatch));
  time_bytes(s, cold, "add", x, 3, [=](Kernels& k) { k.add(x, dy, y); });
  time_bytes(s, cold, "batch_norm_moments", x, 1, [=](Kernels& k) { k.batch_norm_moments(x, 1e-5f, 0.1f, mean, inv, rm, rv); });
  time_bytes(s, cold, "batch_norm_forward relu", x, 2, [=](Kernels& k) { k.batch_norm_forward(x, mean, inv, gamma, beta, Tensor{}, true, y); });
  time_bytes(s, cold, "batch_norm_backward relu", x, 7,
             [=](Kernels& k) { k.batch_norm_backward(x, y, dy, mean, inv, gamma, true, dx, Tensor{}, dgamma, dbeta); });
  s.clear();
}

// Median seconds of a step among others like it: at least three, and as many as some seconds hold.
double seconds_of_step(Device& device, RecordedStep& step, bool ahead) {
  constexpr std::chrono::seconds kAtMost(10);
  step.run(ahead);
  device.set_profiling(Profiling::steps);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kWarmUp || (i < kRepeats && std::chrono::steady_clock::now() - begin < kAtMost); ++i) step.run(ahead);
  return median_seconds(device, "step");
}

}  // namespace

void time_layers(Device& device, DType features, double peak, int64_t cache) {
  Session s(device, features), keeps(device);
  const Tensor cold = cache > 0 ? keeps.tensor({cache / 4}) : Tensor{};
  std::printf("\nbatch %d           ms: forward data_grad wt_grad   TFLOP/s of the same%s\n", static_cast<int>(kBatch),
              peak > 0 ? ", share of the peak" : "");
  double sum = 0;
  for (const Layer& layer : kLayers) sum += time_convolution(s, cold, layer, peak);
  std::printf("convolutions of one training step: %.3f ms\n", sum * 1e3);
  time_memory_bound(s, cold);
}

bool check_step(Device& device, const std::string& path, bool graphs, bool time, double peak) {
  std::string first;
  bool same = true;
  struct Way {
    const char* name;
    bool graph, ahead;
  };
  std::vector<Way> ways = {{"", false, false}};
  if (graphs) ways = {{", plain", false, false}, {", graph", true, false}, {", fetched ahead", true, true}};
  for (const Way& way : ways) {
    const GraphCounts before = device.graphs();
    setenv("LDC_CUDA_GRAPH", way.graph ? "1" : "0", 1);
    RecordedStep step(device, path);
    // The second finds its images fetched.
    for (int i = 0; i < (graphs ? 2 : 1); ++i) step.run(way.ahead);
    const std::string digest = step.digest();
    if (first.empty()) first = digest;
    same = same && digest == first;
    const std::string name = step.name() + way.name;
    std::printf("%-32s batch %d, %d x %d pixels: digest %s", name.c_str(), step.batch(), step.size(), step.size(), digest.c_str());
    if (time) {
      const double seconds = seconds_of_step(device, step, way.ahead);
      std::printf("; %.3f ms, %.1f images/s, %s TFLOP/s", seconds * 1e3, step.batch() / seconds, rate(step.flop() / seconds, 0).c_str());
      if (peak > 0) std::printf(", %.0f %% of the peak", 100 * step.flop() / seconds / peak);
    }
    std::printf("\n");
    step.digest();  // surfaces an error of the device
    if (way.graph) {
      const GraphCounts now = device.graphs();
      std::printf("  graphs: %zu brought up to date, %zu made, %zu made anew\n", now.updated - before.updated, now.made - before.made,
                  now.remade - before.remade);
    }
  }
  if (!same) std::printf("FAIL %s: the bits depend on how the step is launched\n", path.c_str());
  return same;
}

}  // namespace ldc::check_program
