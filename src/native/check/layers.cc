#include "layers.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <string>

namespace ldc::check_program {

namespace {

// Share of the largest value that float32 sums of other orders may differ by, and of the norm with operands of fp32, TF32 and BF16.
constexpr double kSumError = 2e-5;
double norm_limit(double rounding) { return rounding == 0 ? 1e-5 : rounding < 1e-3 ? 1e-3 : 1e-2; }

using Outputs = std::map<std::string, std::vector<float>>;

// With `magnitudes`, inputs are their absolute values and theta is negated, so that differences become sums: what comes out bounds the
// sum of the magnitudes of the products behind each result.
Outputs compute(Device& device, const Layer& layer, const LayerCheck& how, bool magnitudes) {
  Session s(device, how.rounding.features);
  const auto values = [&](const std::vector<int64_t>& shape, uint32_t seed, float scale = 1, float offset = 0) {
    Values v = random_values(shape, seed);
    for (float& x : v.data) x = magnitudes ? std::fabs(x * scale + offset) : x * scale + offset;
    return v;
  };
  const int64_t size = layer.size * how.size / kImageSize, out_size = layer.output_size(size), kernel = layer.kernel;
  Conv2d conv;
  conv.height = conv.width = size;
  conv.stride = layer.stride;
  conv.padding = layer.kernel / 2;
  conv.algorithm = ConvAlgorithm::direct;
  conv.dtype = how.rounding.features;
  const Conv2d vanilla = conv;
  if (layer.descriptive()) conv.descriptor = Descriptor::ldc;
  const Tensor x = s.features(values({how.batch, layer.in, size, size}, 1));
  const Tensor dy = s.features(values({how.batch, layer.out, out_size, out_size}, 2));
  const Tensor w = s.dense(values({layer.out, layer.in, kernel, kernel}, 3));
  const Tensor m = layer.descriptive() ? s.dense(values({layer.out, layer.in}, 4, 0.5f, 1)) : Tensor{};
  const Tensor theta = layer.descriptive() ? s.dense({{1}, {magnitudes ? -0.5f : 0.5f}}) : Tensor{};
  std::map<std::string, Tensor> outputs = {{"forward", s.like(dy)}, {"data gradient", s.like(x)}, {"weight gradient", s.like(w)}};
  if (layer.descriptive()) {
    for (const auto& [name, t] : {std::pair{"of vanilla", w}, {"of m", m}, {"of theta", theta}}) {
      outputs[std::string("weight gradient ") + name] = s.like(t);
    }
  }
  const auto packed = [&](ConvPass pass) {
    return s.tensor({device.kernels().conv2d_packed_elements(conv, layer.out, layer.in, kernel, pass)}, Layout::packed);
  };
  const Tensor forward = packed(ConvPass::forward), backward = packed(ConvPass::data_grad);
  s.run("layer", [=](Kernels& k) {
    const auto at = [&](const char* name) { return outputs.count(name) > 0 ? outputs.at(name) : Tensor{}; };
    for (const auto& [name, t] : outputs) k.fill(t, std::numeric_limits<float>::quiet_NaN());
    k.conv2d_pack(conv, w, m, theta, ConvPass::forward, forward);
    k.conv2d_forward(conv, x, forward, kernel, {}, at("forward"));
    k.conv2d_pack(conv, w, m, theta, ConvPass::data_grad, backward);
    k.conv2d_data_grad(conv, dy, backward, kernel, at("data gradient"));
    k.conv2d_weight_grad(conv, x, dy, w, m, theta, at("weight gradient"), at("weight gradient of m"), at("weight gradient of theta"), {});
    if (m) k.conv2d_weight_grad(vanilla, x, dy, w, {}, {}, at("weight gradient of vanilla"), {}, {}, {});
  });
  Outputs results;
  for (const auto& [name, t] : outputs) results[name] = s.read(t);
  return results;
}

double largest_of(const std::vector<float>& values) {
  double largest = 0;
  for (const float v : values) largest = std::fmax(largest, std::fabs(v));
  return largest;
}

// What rounding may do to an element: to the product of `operands` rounded ones, and to what is stored, on either side.
struct Roundings {
  double u = 0;
  int operands = 0, stored = 0;

  // `sum`: what sums of other orders may differ by.
  double limit(double sum, double magnitude, double want) const {
    const double computed = sum + (std::pow(1 + u, operands) - 1) * magnitude;
    return computed + stored * u * (1 + 2 * u) * (want + computed);
  }
};

// With features in bf16 both sides have the same: weights alone are rounded, on one side or on both, and what is stored; gradients of
// weights are sums of exact products.
Roundings roundings_of(const Rounding& device, bool feature) {
  if (device.features == DType::f32) return {device.operands, 2, 0};
  return feature ? Roundings{device.operands, 1, 2} : Roundings{};
}

// The largest share of a limit, infinite where a value is not finite; `top` is what kSumError is of.
double share_of_limit(const std::vector<float>& got, const std::vector<float>& want, const std::vector<float>& magnitude, double top,
                      const Roundings& rounding) {
  double worst = 0, error = 0, norm = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(got[i]) - want[i]);
    if (!std::isfinite(difference)) return std::numeric_limits<double>::infinity();
    worst = std::fmax(worst, difference / rounding.limit(kSumError * top, std::fabs(magnitude[i]), std::fabs(want[i])));
    error += difference * difference;
    norm += static_cast<double>(want[i]) * want[i];
  }
  // One number alone has no norm to speak of.
  return want.size() == 1 ? worst : std::fmax(worst, std::sqrt(error / norm) / norm_limit(rounding.operands == 0 ? 0 : rounding.u));
}

}  // namespace

Values random_values(const std::vector<int64_t>& shape, uint32_t seed) {
  Values v{shape, {}};
  size_t count = 1;
  for (const int64_t extent : shape) count *= static_cast<size_t>(extent);
  v.data.resize(count);
  std::mt19937 generator(seed);
  for (float& x : v.data) x = static_cast<float>(generator()) * 0x1p-31f - 1.0f;
  return v;
}

bool check_layers(Device& device, Device& reference, const LayerCheck& how) {
  bool good = true;
  int checked = 0;
  for (const Layer& layer : kLayers) {
    if (std::strstr(layer.name, how.only.c_str()) == nullptr) continue;
    const Outputs want = compute(reference, layer, how, false);
    const Outputs magnitudes = how.rounding.operands > 0 ? compute(reference, layer, how, true) : want;
    const Outputs got = compute(device, layer, how, false), again = compute(device, layer, how, false);
    std::printf("layer %-15s", layer.name);
    for (const auto& [name, values] : want) {
      double top = largest_of(values);
      // One sum over all pairs, which cancels: what counts is the size of its terms, dm m / theta.
      if (name == "weight gradient of theta") {
        for (const float v : want.at("weight gradient of m")) top += std::fabs(v);
      }
      const bool feature = name == "forward" || name == "data gradient";
      const double share = share_of_limit(got.at(name), values, magnitudes.at(name), top, roundings_of(how.rounding, feature));
      const bool same = std::memcmp(got.at(name).data(), again.at(name).data(), values.size() * sizeof(float)) == 0;
      if (share <= 1 && same) {
        std::printf("  %s %.3f", name.c_str(), share);
      } else {
        std::printf("  FAIL %s: %.3g of its limit%s", name.c_str(), share, same ? "" : ", other bits in a second run");
        good = false;
      }
    }
    std::printf("\n");
    std::fflush(stdout);
    ++checked;
  }
  return good && checked > 0;
}

}  // namespace ldc::check_program
