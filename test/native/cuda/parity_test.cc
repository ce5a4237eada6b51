// Checks the CUDA kernels on the emulated device against the CPU kernels, in bf16 both with features in bf16, on shapes that fill several
// tiles, leave rests and have padded channels; that padding is zero; and that results have the same bits whatever the order of blocks and
// threads.
// Exits with 1 and a list where something differs.
//
//   cmake -S . -B build && cmake --build build --target cuda_parity_test
//   build/cuda_parity_test
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "check/session.h"
#include "cpu/device.h"
#include "cuda/device.h"
#include "cuda/features.h"

using namespace ldc;
using check_program::Session;
using check_program::Values;
using Shape = std::vector<int64_t>;

namespace {

int failures = 0;

void fail(const std::string& what) {
  if (++failures <= 40) std::printf("FAIL %s\n", what.c_str());
}

// What a case computed, in the order in which it was named.
using Outputs = std::vector<std::pair<std::string, Tensor>>;

// Inputs of a case: the same numbers on every device.
class Inputs {
 public:
  explicit Inputs(Session& session) : s(session) {}
  Session& s;

  Tensor features(const Shape& shape, float scale = 1, float offset = 0) { return s.features(values(shape, scale, offset)); }
  // Float32 whatever features are in: images and maps.
  Tensor maps(const Shape& shape, float scale = 1, float offset = 0) { return s.features(values(shape, scale, offset), DType::f32); }
  Tensor dense(const Shape& shape, float scale = 1, float offset = 0) { return s.dense(values(shape, scale, offset)); }
  Tensor labels(int64_t n, int classes) {
    Values v{{n}, {}};
    for (int64_t i = 0; i < n; ++i) v.data.push_back(static_cast<float>(next() % static_cast<uint32_t>(classes)));
    return s.labels(v);
  }
  Tensor bytes(const Shape& shape) {
    const Tensor t = s.tensor(shape, Layout::dense, DType::u8);
    std::vector<uint8_t> v(static_cast<size_t>(t.elements()));
    for (uint8_t& b : v) b = static_cast<uint8_t>(next());
    s.device.upload(v.data(), t.data, v.size());
    return t;
  }

 private:
  uint32_t next() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<uint32_t>(state_ >> 33);
  }
  Values values(const Shape& shape, float scale, float offset) {
    Values v{shape, {}};
    int64_t count = 1;
    for (const int64_t extent : shape) count *= extent;
    for (int64_t i = 0; i < count; ++i) v.data.push_back((static_cast<float>(next()) * 0x1p-30f - 1) * scale + offset);
    return v;
  }
  uint64_t state_ = 12345;
};

struct Case {
  std::string name;
  double tolerance;  // of the largest value; 0 asks for the same bits
  std::function<Outputs(Inputs&)> run;
  bool convolution = false;  // computed in reduced precision too
};

std::vector<Case> cases;

void convolution(Shape x_shape, int64_t out, int kernel, int stride, int padding, Descriptor descriptor, bool with_bias) {
  std::string name = "conv2d";
  for (const int64_t v : {x_shape[0], x_shape[1], x_shape[2], x_shape[3], out, int64_t{kernel}, int64_t{stride}, int64_t{padding},
                          static_cast<int64_t>(descriptor)}) {
    name += " " + std::to_string(v);
  }
  const auto run = [=](Inputs& in) -> Outputs {
    Session& s = in.s;
    const int64_t i = x_shape[1];
    Conv2d conv;
    conv.height = x_shape[2];
    conv.width = x_shape[3];
    conv.stride = stride;
    conv.padding = padding;
    conv.algorithm = ConvAlgorithm::direct;
    conv.dtype = s.feature_type;
    conv.descriptor = descriptor;
    conv.constant = descriptor == Descriptor::cdc ? 0.7f : 0.3f;
    const Shape y_shape = {x_shape[0], out, (x_shape[2] + 2 * padding - kernel) / stride + 1, (x_shape[3] + 2 * padding - kernel) / stride + 1};
    const Tensor x = in.features(x_shape), dy = in.features(y_shape), w = in.dense({out, i, kernel, kernel});
    const bool pairs = descriptor == Descriptor::ldc || descriptor == Descriptor::ldc_cross || descriptor == Descriptor::ldc_diagonal;
    const Tensor m = pairs ? in.dense({out, i}, 0.5f, 1) : descriptor == Descriptor::ldc_paper ? in.dense({out, i, 3, 3}) : Tensor{};
    const Tensor theta = pairs ? in.dense({1}, 0.1f, 0.5f) : Tensor{}, bias = with_bias ? in.dense({out}) : Tensor{};
    const auto optional = [&](const Tensor& t) { return t ? s.like(t) : Tensor{}; };
    const Tensor y = s.like(dy), dx = s.like(x), dw = s.like(w), dm = optional(m), dtheta = optional(theta), dbias = optional(bias);
    const auto packed = [&](ConvPass pass) {
      return s.tensor({s.device.kernels().conv2d_packed_elements(conv, out, i, kernel, pass)}, Layout::packed);
    };
    const Tensor forward = packed(ConvPass::forward), backward = packed(ConvPass::data_grad);
    s.run("conv2d", [=](Kernels& k) {
      k.conv2d_pack(conv, w, m, theta, ConvPass::forward, forward);
      k.conv2d_forward(conv, x, forward, kernel, bias, y);
      k.conv2d_pack(conv, w, m, theta, ConvPass::data_grad, backward);
      k.conv2d_data_grad(conv, dy, backward, kernel, dx);
      k.conv2d_weight_grad(conv, x, dy, w, m, theta, dw, dm, dtheta, dbias);
    });
    Outputs outputs = {{"y", y}, {"dx", dx}, {"dw", dw}};
    if (m) outputs.emplace_back("dm", dm);
    if (theta) outputs.emplace_back("dtheta", dtheta);
    if (bias) outputs.emplace_back("dbias", dbias);
    return outputs;
  };
  // Both sides are float32 sums of K products in other orders.
  cases.push_back({name, 1e-5, run, true});
}

template <class Work>
void add(const std::string& name, double tolerance, Work work) {
  cases.push_back({name, tolerance, work});
}

void list_convolutions() {
  convolution({2, 8, 9, 11}, 16, 3, 1, 1, Descriptor::vanilla, true);      // several tiles of pixels
  convolution({2, 5, 15, 9}, 70, 3, 1, 1, Descriptor::ldc, false);         // padded channels, two tiles of channels
  convolution({3, 12, 13, 14}, 24, 3, 2, 1, Descriptor::ldc, false);       // remainders by the stride
  convolution({2, 3, 21, 18}, 11, 7, 2, 3, Descriptor::vanilla, false);    // the stem
  convolution({2, 20, 12, 11}, 9, 1, 2, 0, Descriptor::vanilla, false);    // pixels that no tap meets
  convolution({1, 64, 8, 8}, 1, 3, 1, 1, Descriptor::ldc, false);          // one output channel
  convolution({2, 17, 7, 7}, 8, 3, 1, 1, Descriptor::ldc_paper, false);
  convolution({2, 8, 7, 6}, 9, 3, 1, 1, Descriptor::cdc, true);
  convolution({1, 8, 6, 6}, 8, 3, 1, 1, Descriptor::ldc_cross, false);
  convolution({1, 8, 6, 6}, 8, 3, 2, 1, Descriptor::ldc_diagonal, false);
  convolution({1, 4, 10, 13}, 6, 5, 3, 2, Descriptor::vanilla, false);
  convolution({5, 4, 60, 57}, 136, 1, 1, 0, Descriptor::vanilla, false);   // enough blocks for the wide tile
}

void list_elementwise() {
  for (const bool dense : {false, true}) {
    const std::string kind = dense ? " dense" : " features";
    const auto make = [dense](Inputs& in) { return dense ? in.dense({3, 7, 5}) : in.features({2, 5, 7, 3}); };
    add("elementwise" + kind, 0, [make](Inputs& in) -> Outputs {
      Session& s = in.s;
      const Tensor a = make(in), b = make(in), f = in.dense({1});
      const Tensor filled = s.like(a), scaled = s.like(a), sum = s.like(a), product = s.like(a), by = s.like(a), relu = s.like(a), back = s.like(a);
      s.run("elementwise", [=](Kernels& k) {
        k.fill(filled, 2.5f);
        k.accumulate(a, filled);
        k.scale(a, 0.3f, scaled);
        k.add(a, b, sum);
        k.multiply(a, b, product);
        k.multiply_scalar(a, f, by);
        k.relu_forward(a, relu);
        k.relu_backward(relu, b, back);
      });
      return {{"filled", filled}, {"scaled", scaled}, {"sum", sum}, {"product", product}, {"by", by}, {"relu", relu}, {"back", back}};
    });
  }
  add("layout", 0, [](Inputs& in) -> Outputs {
    Session& s = in.s;
    const Tensor pixels = in.bytes({2, 5, 6, 3}), image = s.features({2, 3, 5, 6}), x = in.features({2, 37, 9, 5});
    const Tensor slice = s.features({2, 11, 9, 5}), joined = s.features({2, 13, 9, 5});
    const Tensor map = in.maps({2, 1, 5, 6}), half = s.features({2, 1, 5, 6}, DType::bf16), again = s.like(map);
    s.run("layout", [=](Kernels& k) {
      const float scale[3] = {0.1f, 0.2f, 0.3f}, shift[3] = {-1, -2, -3};
      k.images_to_features(pixels, scale, shift, image);
      k.copy_channels(x, 20, slice, 0, 11);
      k.copy_channels(slice, 0, joined, 0, 10);
      k.copy_channels(x, 3, joined, 10, 3);
      k.convert(map, half);
      k.convert(half, again);
    });
    return {{"image", image}, {"slice", slice}, {"joined", joined}, {"half", half}, {"again", again}};
  });
  add("dropout", 0, [](Inputs& in) -> Outputs {
    const Tensor a = in.s.tensor({1003}), b = in.s.tensor({64});
    in.s.run("dropout", [=](Kernels& k) {
      k.dropout_mask(a, 0.5, 17, 3, 12345678901.0);
      k.dropout_mask(b, 0.2, 4000000000u, 1, 0);
    });
    return {{"a", a}, {"b", b}};
  });
}

void list_batch_norm() {
  for (const bool training : {true, false}) {
    for (const bool residual : {true, false}) {
      add(std::string("batch norm") + (training ? " training" : "") + (residual ? " residual" : ""), 2e-6, [=](Inputs& in) -> Outputs {
        Session& s = in.s;
        const Shape shape = {3, 13, 17, 19};
        const Tensor x = in.features(shape, 0.1f, 30), dy = in.features(shape), r = residual ? in.features(shape) : Tensor{};
        const Tensor mean = in.dense({13}, 0.1f, 30), rm = in.dense({13}), rv = in.dense({13}, 0.2f, 1), inv = s.like(rm);
        const Tensor gamma = in.dense({13}), beta = in.dense({13}), y = s.like(x), dx = s.like(x), dr = residual ? s.like(x) : Tensor{};
        const Tensor both = s.like(x), dgamma = s.like(gamma), dbeta = s.like(beta);
        s.run("batch norm", [=](Kernels& k) {
          if (training) {
            k.batch_norm_moments(x, 1e-5f, 0.1f, mean, inv, rm, rv);
          } else {
            k.batch_norm_inv_std(rv, 1e-5f, inv);
          }
          k.batch_norm_forward(x, mean, inv, gamma, beta, r, residual, y);
          k.batch_norm_backward(x, residual ? y : Tensor{}, dy, mean, inv, gamma, training, dx, dr, dgamma, dbeta);
          k.scale(dy, 1, both);
          k.batch_norm_backward(x, residual ? y : Tensor{}, both, mean, inv, gamma, training, both, dr, dgamma, dbeta);
        });
        Outputs outputs = {{"mean", mean}, {"inv", inv},   {"rm", rm},         {"rv", rv},      {"y", y},
                           {"dx", dx},     {"both", both}, {"dgamma", dgamma}, {"dbeta", dbeta}};
        if (residual) outputs.emplace_back("dr", dr);
        return outputs;
      });
    }
  }
}

void list_pooling() {
  add("pooling", 1e-6, [](Inputs& in) -> Outputs {
    Session& s = in.s;
    const Tensor x = in.features({2, 10, 13, 16}), dy = in.features({2, 10, 7, 8}), y = s.like(dy), dx = s.like(x);
    const Tensor taps = s.features({2, 10, 7, 8}, DType::u8), joined = s.features({2, 21, 9, 20}), up = in.features({2, 21, 9, 20});
    const Tensor other = in.features({2, 11, 5, 3}), dother = s.like(other), dpool = s.like(x), mean = s.tensor({2, 10});
    const Tensor dmean = in.dense({2, 10}), dglobal = s.like(x), larger = s.features({2, 10, 31, 9});
    s.run("pooling", [=](Kernels& k) {
      k.max_pool2d_forward(x, 3, 2, 1, y, taps);
      k.max_pool2d_backward(dy, taps, 3, 2, 1, dx);
      k.adaptive_avg_pool2d_forward(x, joined, 0);
      k.adaptive_avg_pool2d_forward(other, joined, 10);
      k.adaptive_avg_pool2d_backward(up, 0, dpool);
      k.adaptive_avg_pool2d_backward(up, 10, dother);
      k.global_avg_pool_forward(x, mean);
      k.global_avg_pool_backward(dmean, dglobal);
      k.resize_bilinear(x, larger);
    });
    return {{"y", y}, {"dx", dx}, {"joined", joined}, {"dpool", dpool}, {"dother", dother}, {"mean", mean}, {"dglobal", dglobal}, {"larger", larger}};
  });
  add("grad cam", 1e-6, [](Inputs& in) -> Outputs {
    Session& s = in.s;
    const Tensor act = in.features({3, 19, 7, 9}), grad = in.features({3, 19, 7, 9}), raw = s.features({3, 1, 7, 9}, DType::f32), unit = s.like(raw);
    s.run("grad cam", [=](Kernels& k) {
      k.grad_cam(act, grad, raw);
      k.unit_range(raw, unit);
    });
    return {{"raw", raw}, {"unit", unit}};
  });
}

void list_dense() {
  add("losses", 1e-6, [](Inputs& in) -> Outputs {
    Session& s = in.s;
    const Tensor x = in.dense({300, 5}, 3), dy = in.dense({300, 5}), labels = in.labels(300, 5), soft = s.like(x), dsoft = s.like(x);
    const Tensor loss = s.tensor({}), dx = s.like(x), a = in.maps({3, 5, 9, 11}), b = in.maps({3, 5, 9, 11}), error = s.tensor({}), da = s.like(a);
    s.run("losses", [=](Kernels& k) {
      k.log_softmax_forward(x, soft);
      k.log_softmax_backward(soft, dy, dsoft);
      k.cross_entropy(x, labels, loss, dx);
      k.mse(a, b, error, da);
    });
    return {{"soft", soft}, {"dsoft", dsoft}, {"loss", loss}, {"dx", dx}, {"error", error}, {"da", da}};
  });
}

void list_methods() {
  for (const int64_t channels : {3, 10}) {
    add("augmentation " + std::to_string(channels), 1e-6, [=](Inputs& in) -> Outputs {
      Session& s = in.s;
      const Tensor x = in.maps({3, channels, 13, 17}, 0.5f, 0.5f), turns = in.dense({4, 2}), images = in.labels(4, 4);
      const Tensor turned = s.features({4, channels, 13, 17}, DType::f32), nearest = s.like(turned);
      const Tensor crops = s.labels({{4, 6}, {0, 1, 2, 9, 8, 0, 2, 0, 0, 13, 17, 1, 1, 12, 16, 1, 1, 0, 7, -3, 5, 90, 4, 1}});
      const Tensor cropped = s.features({4, channels, 11, 19}, DType::f32), colours = in.dense({3, 10}), mixed = channels == 3 ? s.like(x) : Tensor{};
      s.run("augmentation", [=](Kernels& k) {
        k.rotate(x, images, turns, false, turned);
        k.rotate(x, images, turns, true, nearest);
        k.resized_crop(x, crops, cropped);
        if (mixed) k.mix_colours(x, colours, mixed);
      });
      Outputs outputs = {{"turned", turned}, {"nearest", nearest}, {"cropped", cropped}};
      if (mixed) outputs.emplace_back("mixed", mixed);
      return outputs;
    });
  }
}

void list_optimizers() {
  add("optimizers", 0, [](Inputs& in) -> Outputs {
    Session& s = in.s;
    std::vector<Tensor> p, g, m, v, q, buffer;
    for (int i = 0; i < 70; ++i) {  // more than one launch; one tensor of several chunks
      const Shape shape = {i == 3 ? int64_t{9001} : 1 + i % 13};
      for (auto* list : {&p, &g, &m, &q, &buffer}) list->push_back(in.dense(shape));
      v.push_back(in.dense(shape, 0.5f, 0.5f));
    }
    s.run("optimizers", [=](Kernels& k) {
      const auto list = [](const std::vector<Tensor>& t) { return TensorList{t.data(), static_cast<int64_t>(t.size())}; };
      k.adam(list(p), list(g), list(m), list(v), 1e-3, 0.9, 0.999, 1e-8, 1e-2, 3, {});
      k.sgd(list(q), list(g), list(buffer), 1e-2, 0.9, 1e-3, false, {});
    });
    // The last of more tensors than a launch takes has a NaN: seen, and nothing is updated.
    std::vector<Tensor> many(150, g[0]);
    const Tensor seen = s.tensor({1}), unseen = s.tensor({1}), kept = in.dense({2}), slope = in.dense({2}), first = in.dense({2});
    s.run("finite", [=](Kernels& k) { k.all_finite({many.data(), 150}, unseen); });
    many.back() = s.dense({{3}, {1, NAN, 2}});
    s.run("finite", [=](Kernels& k) {
      k.all_finite({many.data(), 150}, seen);
      k.sgd({&kept, 1}, {&slope, 1}, {&first, 1}, 1, 0, 0, false, seen);
    });
    Outputs outputs = {{"seen", seen}, {"unseen", unseen}, {"kept", kept}};
    for (const int i : {0, 3, 63, 64, 69}) {
      for (const auto& [name, list] : {std::pair{"p", &p}, {"m", &m}, {"v", &v}, {"q", &q}, {"buffer", &buffer}}) {
        outputs.emplace_back(name + std::to_string(i), (*list)[static_cast<size_t>(i)]);
      }
    }
    return outputs;
  });
}

// The emulated device's memory is the host's, so padding can be looked at where it lies.
void check_padding(const std::string& where, const Tensor& t) {
  if (t.layout != Layout::features) return;
  const int64_t stored = cuda::stored_channels(t);
  for (int64_t i = 0; i < cuda::stored_elements(t); ++i) {
    const bool zero = t.dtype == DType::bf16 ? (t.as<Bf16>()[i].bits & 0x7fff) == 0 : t.f32()[i] == 0;
    if (i % stored >= t.c() && !zero) return fail(where + ": padding is not zero");
  }
}

struct Result {
  std::vector<float> values;
  bool halves;  // stored in bf16
};
using Results = std::map<std::string, Result>;

Results compute(Device& device, DType features, bool padding) {
  Results results;
  for (const Case& c : cases) {
    Session s(device, features);
    Inputs in(s);
    for (const auto& [name, t] : c.run(in)) {
      const std::string where = c.name + " " + name;
      try {
        results[where] = {s.read(t), t.dtype == DType::bf16};
      } catch (const std::exception& error) {
        fail(where + ": " + error.what());
        return results;  // every later read would say the same
      }
      if (padding) check_padding(where, t);
    }
  }
  return results;
}

void compare(const Results& got, const Results& want, double rounding) {
  int equal = 0, all = 0;
  double worst = 0;
  for (const Case& c : cases) {
    for (const auto& [where, result] : want) {
      if (where.compare(0, c.name.size() + 1, c.name + " ") != 0) continue;
      const auto found = got.find(where);
      if (found == got.end()) continue;  // reported already
      const std::vector<float>& values = result.values;
      double largest = 0, error = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        // What float32 has nearly the same may be rounded to neighbours in bf16.
        const double e = std::fabs(static_cast<double>(found->second.values[i]) - values[i]);
        const double slack = result.halves && c.tolerance > 0 ? std::fabs(values[i]) / 128 : 0;
        const double apart = e <= slack ? 0 : e - slack;
        largest = std::fmax(largest, std::fabs(values[i]));
        if (!(apart <= error)) error = apart;
      }
      // The gradient of theta is one sum over all pairs, which cancels: what counts is the size of its terms, dm m / theta.
      const std::string suffix = " dtheta";
      if (where.size() > suffix.size() && where.compare(where.size() - suffix.size(), suffix.size(), suffix) == 0) {
        for (const float v : want.at(c.name + " dm").values) largest += std::fabs(v);
      }
      ++all;
      equal += error == 0 ? 1 : 0;
      worst = c.convolution ? std::fmax(worst, error / largest) : worst;
      // Each product is off by 2 u at most, a sum of them by 2 u of its terms' sizes; at random signs far less (docs/cuda.md).
      const double limit = c.convolution && rounding > 0 ? 8 * rounding : c.tolerance;
      if (!(error <= limit * largest)) fail(where + ": error " + std::to_string(error / largest) + " of the largest value");
    }
  }
  std::printf("%d tensors, %d with the bits of the CPU; largest error of a convolution %.2g\n", all, equal, worst);
}

void same_bits(const Results& a, const Results& b) {
  for (const auto& [where, result] : a) {
    const auto found = b.find(where);
    if (found == b.end() || std::memcmp(result.values.data(), found->second.values.data(), result.values.size() * sizeof(float)) != 0) {
      fail(where + ": the bits depend on the order of blocks and threads");
    }
  }
}

}  // namespace

int main() {
  list_convolutions();
  list_elementwise();
  list_batch_norm();
  list_pooling();
  list_dense();
  list_methods();
  list_optimizers();
  const auto reference = cpu::make_device(2);
  for (const auto& [precision, rounding] : {std::pair{cuda::Precision::fp32, 0.0}, {cuda::Precision::tf32, 0x1p-11}, {cuda::Precision::bf16, 0x1p-8}}) {
    std::printf("%s: ", cuda::name_of(precision));
    const DType features = precision == cuda::Precision::bf16 ? DType::bf16 : DType::f32;
    const Results want = compute(*reference, features, false);
    Results first;
    for (uint64_t seed = 0; seed < 2; ++seed) {
      const auto device = cuda::make_emulated_device(precision, seed, true);
      const Results got = compute(*device, features, true);
      if (seed == 0) {
        compare(got, want, rounding);
        first = got;
      } else {
        same_bits(first, got);
      }
    }
  }
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
