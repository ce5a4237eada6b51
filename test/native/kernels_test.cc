// Checks the CPU kernels of features but the convolutions against plain loops in double, on odd shapes, in float32 and in bf16: also what
// only memory shows (padding is zero, nothing is left unwritten, outputs past the cache) and NaN; and that results have the same bits for
// 1, 2 and 3 threads on every instruction set of this machine. Exits with 1 and a list where something differs. Kernels of rows, losses and
// optimisers, which have no layout of their own: test/engine/operations.
//
//   cmake -S . -B /tmp/ldc && cmake --build /tmp/ldc --target ldc_core
//   g++ -std=c++20 -O2 -Isrc/native test/native/kernels_test.cc /tmp/ldc/libldc_core.a -lpthread -o /tmp/kernels_test
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cpu/features.h"
#include "cpu/isa.h"
#include "cpu/pool.h"
#include "cpu/scratch.h"

using namespace ldc;
using namespace ldc::cpu;
using Values = std::vector<double>;  // row-major; features as [N,C,H,W]
using Shape = std::vector<int64_t>;

namespace {

int failures = 0;

void fail(const std::string& what) {
  if (++failures <= 40) std::printf("FAIL %s\n", what.c_str());
}

// Where element i (row-major [N,C,H,W]) of a tensor lies in memory; written from the description in features.h.
int64_t place(const Tensor& t, int64_t i) {
  if (t.layout != Layout::features) return i;
  const int64_t hw = t.h() * t.w(), n = i / (t.c() * hw), c = i / hw % t.c(), p = i % hw;
  const int64_t block = t.c() <= 4 ? t.c() : t.dtype == DType::bf16 ? 32 : 16, blocks = (t.c() + block - 1) / block;
  return ((n * blocks + c / block) * hw + p) * block + c % block;
}

// The nearest bf16, ties to even: from the definition, by the distance to both neighbours.
float nearest_bf16(float x) {
  if (!std::isfinite(x)) return x;
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const auto value = [](uint32_t b) {
    float f;
    std::memcpy(&f, &b, 4);
    return f;
  };
  const uint32_t below = bits & 0xffff0000u, above = below + 0x10000u;
  const double next = std::isinf(value(above)) ? std::ldexp(x < 0 ? -1 : 1, 128) : value(above);
  const double down = std::fabs(double{x} - value(below)), up = std::fabs(next - x);
  return value(down < up || (down == up && (below >> 16) % 2 == 0) ? below : above);
}

// One run of all cases on one backend. Bits of every output are kept and compared with those of the first run.
class Run {
 public:
  Run(Kernels& kernels, std::string name, DType type, std::map<std::string, uint64_t>& first_bits)
      : k(kernels), type(type), name_(std::move(name)), first_bits_(first_bits) {}

  Kernels& k;
  const DType type;  // of features
  std::string name_;

  void begin(const std::string& title) {
    title_ = (type == DType::bf16 ? "bf16 " : "") + title;
    state_ = 12345;
    memory_.clear();
  }

  // Reproducible numbers, uniform in [-1, 1), which features can hold.
  double random() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<double>(static_cast<int64_t>(state_) >> 11) / 4503599627370496.0;
  }
  Values uniform(int64_t n, double scale = 1, double offset = 0) {
    Values v(static_cast<size_t>(n));
    for (double& x : v) x = held(static_cast<float>(random() * scale + offset));
    return v;
  }

  // Outputs start as NaN, so that what a kernel leaves out is seen.
  Tensor dense(const Shape& shape, DType type = DType::f32) { return tensor(shape, Layout::dense, type); }
  Tensor features(const Shape& shape) { return features(shape, type); }
  Tensor features(const Shape& shape, DType dtype) { return tensor(shape, Layout::features, dtype); }
  Tensor dense(const Shape& shape, const Values& v) { return put(dense(shape), v); }
  Tensor features(const Shape& shape, const Values& v) { return put(features(shape), v); }
  Tensor maps(const Shape& shape, const Values& v) { return put(features(shape, DType::f32), v); }

  // max|got - want| <= tolerance * max|want|; tolerance 0 asks for equality. What is stored in bf16 may differ by its rounding too.
  // Padding must be zero.
  void expect(const std::string& what, const Tensor& got, const Values& want, double tolerance) {
    double largest = 0, error = 0;
    std::vector<bool> logical(static_cast<size_t>(stored_elements(got)));
    for (int64_t i = 0; i < static_cast<int64_t>(want.size()); ++i) {
      const int64_t at = place(got, i);
      const double size = std::fabs(want[static_cast<size_t>(i)]), rounding = got.dtype == DType::bf16 && tolerance > 0 ? size / 256 : 0;
      const double e = std::fmax(0, std::fabs(value(got, at) - want[static_cast<size_t>(i)]) - rounding);
      largest = std::fmax(largest, size);
      if (!(e <= error)) error = e;
      logical[static_cast<size_t>(at)] = true;
    }
    if (static_cast<int64_t>(want.size()) != got.elements()) fail(where(what) + ": the reference has another size");
    if (!(error <= tolerance * largest)) {
      fail(where(what) + ": error " + std::to_string(error / (largest > 0 ? largest : 1)) + " of the largest value");
    }
    for (int64_t i = 0; i < stored_elements(got); ++i) {
      if (!logical[static_cast<size_t>(i)] && value(got, i) != 0) return fail(where(what) + ": padding is not zero");
    }
    same_bits(what, got);
  }

  void same_bits(const std::string& what, const Tensor& got) {
    uint64_t hash = 14695981039346656037ull;
    const auto* bytes = static_cast<const uint8_t*>(got.data);
    const int64_t count = stored_elements(got) * static_cast<int64_t>(bytes_of(got.dtype));
    for (int64_t i = 0; i + 8 <= count; i += 8) {
      uint64_t word;
      std::memcpy(&word, bytes + i, 8);
      hash = (hash ^ word) * 1099511628211ull;
    }
    for (int64_t i = count / 8 * 8; i < count; ++i) hash = (hash ^ bytes[i]) * 1099511628211ull;
    const auto [entry, first] = first_bits_.try_emplace(title_ + " " + what, hash);
    if (!first && entry->second != hash) fail(where(what) + ": bits differ from the first run");
  }

  static double value(const Tensor& t, int64_t i) {
    if (t.dtype == DType::bf16) {
      const uint32_t bits = uint32_t{t.as<Bf16>()[i].bits} << 16;
      float x;
      std::memcpy(&x, &bits, 4);
      return x;
    }
    return t.dtype == DType::u8 ? t.u8()[i] : t.dtype == DType::i32 ? t.i32()[i] : static_cast<double>(t.f32()[i]);
  }

  static void set(const Tensor& t, int64_t i, double value) {
    if (t.dtype == DType::u8) {
      t.u8()[i] = static_cast<uint8_t>(value);
    } else if (t.dtype == DType::f32) {
      t.f32()[i] = static_cast<float>(value);
    } else {
      const float x = nearest_bf16(static_cast<float>(value));
      uint32_t bits;
      std::memcpy(&bits, &x, 4);
      t.as<Bf16>()[i] = {static_cast<uint16_t>(bits >> 16)};
    }
  }

 private:
  double held(float x) const { return type == DType::bf16 ? nearest_bf16(x) : x; }
  std::string where(const std::string& what) const { return name_ + " " + title_ + " " + what; }

  Tensor tensor(const Shape& shape, Layout layout, DType type) {
    Tensor t;
    t.dtype = type;
    t.layout = layout;
    t.rank = static_cast<int>(shape.size());
    for (size_t i = 0; i < shape.size(); ++i) t.shape[i] = shape[i];
    const size_t bytes = static_cast<size_t>(stored_elements(t)) * bytes_of(type);
    memory_.emplace_back(static_cast<char*>(std::aligned_alloc(64, (bytes + 127) / 64 * 64)), &std::free);
    std::memset(memory_.back().get(), 0xff, bytes + 1);
    t.data = memory_.back().get();
    return t;
  }
  Tensor put(Tensor t, const Values& v) {
    std::memset(t.data, 0, static_cast<size_t>(stored_elements(t)) * bytes_of(t.dtype));
    for (int64_t i = 0; i < static_cast<int64_t>(v.size()); ++i) {
      set(t, place(t, i), v[static_cast<size_t>(i)]);
    }
    return t;
  }

  std::map<std::string, uint64_t>& first_bits_;
  std::string title_;
  uint64_t state_ = 0;
  std::deque<std::unique_ptr<char, decltype(&std::free)>> memory_;
};

const std::vector<Shape> kFeatureShapes = {{2, 1, 5, 7},  {3, 3, 6, 5},   {1, 4, 3, 3},    {2, 5, 7, 9},
                                           {2, 16, 1, 1}, {3, 17, 5, 11}, {2, 48, 13, 20}, {1, 33, 37, 41}};

std::string text(const Shape& shape) {
  std::string s;
  for (int64_t e : shape) s += (s.empty() ? "" : "x") + std::to_string(e);
  return s;
}

int64_t count_of(const Shape& s) {
  int64_t n = 1;
  for (int64_t e : s) n *= e;
  return n;
}

Values zip(const Values& a, const Values& b, const std::function<double(double, double)>& f) {
  Values y(a.size());
  for (size_t i = 0; i < a.size(); ++i) y[i] = f(a[i], b[i]);
  return y;
}

void elementwise(Run& r) {
  for (size_t form = 0; form < kFeatureShapes.size() + 4; ++form) {
    const bool flat = form >= kFeatureShapes.size();
    const Shape shape =
        flat ? Shape{std::vector<int64_t>{1, 15, 17, 70001}[form - kFeatureShapes.size()]} : kFeatureShapes[form];
    r.begin("elementwise " + text(shape));
    const Values a = r.uniform(count_of(shape)), b = r.uniform(count_of(shape));
    const auto in = [&](const Values& v) { return flat ? r.dense(shape, v) : r.features(shape, v); };
    const auto out = [&] { return flat ? r.dense(shape) : r.features(shape); };
    const Tensor ta = in(a), tb = in(b), s = r.dense({1}, Values{-1.5});
    Tensor y = out();
    r.k.fill(y, 2.5f);
    r.expect("fill", y, Values(a.size(), 2.5), 0);
    r.k.scale(ta, 0.5f, y = out());
    r.expect("scale", y, zip(a, a, [](double x, double) { return x / 2; }), 0);
    r.k.add(ta, tb, y = out());
    r.expect("add", y, zip(a, b, std::plus<double>()), 1e-7);
    r.k.accumulate(ta, y = in(b));
    r.expect("accumulate", y, zip(a, b, std::plus<double>()), 1e-7);
    r.k.multiply(ta, tb, y = out());
    r.expect("multiply", y, zip(a, b, std::multiplies<double>()), 1e-7);
    r.k.multiply_scalar(ta, s, y = out());
    r.expect("multiply_scalar", y, zip(a, a, [](double x, double) { return -1.5 * x; }), 1e-7);
    r.k.relu_forward(ta, y = out());
    r.expect("relu_forward", y, zip(a, a, [](double x, double) { return x > 0 ? x : 0; }), 0);
    const Tensor dx = out();
    r.k.relu_backward(y, tb, dx);
    r.expect("relu_backward", dx, zip(a, b, [](double x, double g) { return x > 0 ? g : 0; }), 0);
  }
  r.begin("relu of NaN");
  const Tensor x = r.features({1, 3, 1, 1}, Values{NAN, -1, 1}), y = r.features({1, 3, 1, 1});
  r.k.relu_forward(x, y);
  if (!std::isnan(Run::value(y, 0)) || Run::value(y, 1) != 0 || Run::value(y, 2) != 1) fail("relu hides a NaN");
}

// Between the types: every kind of number rounds as its definition says, and what was rounded comes back as it is.
void conversions(Run& r) {
  if (r.type != DType::bf16) return;
  std::vector<Shape> shapes = kFeatureShapes;
  shapes.push_back({1, 1, 256, 1024});
  for (const Shape& shape : shapes) {
    r.begin("convert " + text(shape));
    Values v, want;
    for (int64_t i = 0; i < count_of(shape); ++i) {
      // Any exponent and sign; the lower half: 0, around a tie, or anything.
      const uint32_t upper = static_cast<uint32_t>(i * 40503) & 0xffff, low[] = {0, 0x7fff, 0x8000, 0x8001, 0xffff, static_cast<uint32_t>(i * 7919) & 0xffff};
      const uint32_t bits = upper << 16 | low[i % 6];
      float x;
      std::memcpy(&x, &bits, 4);
      if (!std::isfinite(nearest_bf16(x))) x = static_cast<float>(i);
      v.push_back(x);
      want.push_back(nearest_bf16(x));
    }
    const Tensor rounded = r.features(shape), back = r.features(shape, DType::f32);
    r.k.convert(r.maps(shape, v), rounded);
    r.expect("to bf16", rounded, want, 0);
    r.k.convert(rounded, back);
    r.expect("to float32", back, want, 0);
  }
  r.begin("convert the largest");
  const Tensor largest = r.features({1, 1, 1, 2});
  r.k.convert(r.maps({1, 1, 1, 2}, {3.4e38, -3.4e38}), largest);
  if (Run::value(largest, 0) != INFINITY || Run::value(largest, 1) != -INFINITY) fail("convert does not round past the largest to infinity");
  r.begin("convert NaN");
  const Tensor x = r.maps({1, 20, 1, 1}, Values(20, -NAN)), y = r.features({1, 20, 1, 1}), z = r.features({1, 20, 1, 1}, DType::f32);
  uint32_t least = 0x7f800001;  // all but its last bit are those of infinity
  std::memcpy(x.f32() + 3, &least, 4);
  r.k.convert(x, y);
  r.k.convert(y, z);
  for (int i = 0; i < 20; ++i) {
    if (!std::isnan(Run::value(y, i)) || !std::isnan(Run::value(z, place(z, i)))) return fail("convert hides a NaN");
  }
}

void layout(Run& r) {
  for (const Shape& shape : kFeatureShapes) {
    r.begin("layout " + text(shape));
    const Values v = r.uniform(count_of(shape));
    Tensor f = r.features(shape), d = r.dense(shape);
    r.k.to_features(r.dense(shape, v), f);
    r.expect("to_features", f, v, 0);
    r.k.to_dense(r.features(shape, v), d);
    r.expect("to_dense", d, v, 0);
  }
  conversions(r);
  for (const Shape& size : {Shape{1, 1, 1}, Shape{2, 5, 7}, Shape{3, 40, 33}}) {
    r.begin("images " + text(size));
    const int64_t n = size[0], h = size[1], w = size[2];
    const Tensor x = r.dense({n, h, w, 3}, DType::u8), y = r.features({n, 3, h, w});
    const float scale[3] = {1 / 255.0f, 0.02f, 1.5f}, shift[3] = {0, -0.5f, 3};
    Values want(static_cast<size_t>(n * 3 * h * w));
    for (int64_t i = 0; i < n * h * w * 3; ++i) {
      x.u8()[i] = static_cast<uint8_t>(255.99 * std::fabs(r.random()));
      const int64_t c = i % 3, p = i / 3;
      want[static_cast<size_t>((p / (h * w) * 3 + c) * h * w + p % (h * w))] =
          x.u8()[i] * static_cast<double>(scale[c]) + shift[c];
    }
    r.k.images_to_features(x, scale, shift, y);
    r.expect("images_to_features", y, want, 1e-6);
  }
  // Concatenations, in order of channels, and the ranges back out of them.
  for (const std::vector<int64_t>& parts :
       {std::vector<int64_t>{64, 16, 32}, {16, 5}, {3, 1, 2, 40}, {2, 1}, {1, 1, 1, 1}, {20, 12, 7}}) {
    std::string title = "copy_channels";
    int64_t total = 0;
    for (int64_t c : parts) title += " " + std::to_string(c), total += c;
    r.begin(title);
    const int64_t n = 2, h = 3, w = 5, hw = h * w;
    const Values whole = r.uniform(n * total * hw);
    const Tensor y = r.features({n, total, h, w}), x = r.features({n, total, h, w}, whole);
    int64_t at = 0;
    for (int64_t c : parts) {
      Values part;
      for (int64_t i = 0; i < n; ++i) {
        part.insert(part.end(), whole.begin() + (i * total + at) * hw, whole.begin() + (i * total + at + c) * hw);
      }
      const Tensor piece = r.features({n, c, h, w});
      r.k.copy_channels(x, at, piece, 0, c);
      r.expect("out of " + std::to_string(at), piece, part, 0);
      r.k.copy_channels(piece, 0, y, at, c);
      at += c;
    }
    r.expect("into", y, whole, 0);
  }
}

void batch_norm(Run& r) {
  // The second number: mean of the inputs, in standard deviations.
  for (const auto& [shape, far] : std::vector<std::pair<Shape, double>>{{{2, 1, 5, 7}, 1},
                                                                        {{3, 3, 6, 5}, 3},
                                                                        {{2, 5, 7, 9}, -2},
                                                                        {{3, 17, 5, 11}, 0},
                                                                        {{2, 48, 13, 20}, 100},
                                                                        {{2, 33, 37, 41}, 1000}}) {
    const int64_t n = shape[0], channels = shape[1], hw = shape[2] * shape[3];
    const double m = static_cast<double>(n * hw), eps = 1e-5f, momentum = 0.1f;
    const auto each = [&](const std::function<void(size_t, size_t)>& f) {
      for (int64_t i = 0; i < n * channels * hw; ++i) f(static_cast<size_t>(i), static_cast<size_t>(i / hw % channels));
    };
    for (int form = 0; form < 6; ++form) {
      const bool training = form < 3, relu = form % 3 > 0, residual = form % 3 == 2;
      r.begin("batch_norm " + text(shape) + " form " + std::to_string(form));
      const Values x = r.uniform(count_of(shape), 1.7, far), added = r.uniform(count_of(shape)),
                   dy = r.uniform(count_of(shape));
      const Values gamma = r.uniform(channels, 1, 0.5), beta = r.uniform(channels), rm = r.uniform(channels, 1, far),
                   rv = r.uniform(channels, 0.4, 1);
      const size_t c_count = static_cast<size_t>(channels);
      Values mean(c_count), var(c_count), inv(c_count), new_mean(rm), new_var(rv), y(x.size()), g(x.size());
      if (training) {
        each([&](size_t i, size_t c) { mean[c] += x[i] / m; });
        each([&](size_t i, size_t c) { var[c] += (x[i] - mean[c]) * (x[i] - mean[c]) / m; });
        for (size_t c = 0; c < c_count; ++c) {
          new_mean[c] = (1 - momentum) * rm[c] + momentum * mean[c];
          new_var[c] = (1 - momentum) * rv[c] + momentum * var[c] * m / (m - 1);
        }
      } else {
        mean = rm;
        var = rv;
      }
      for (size_t c = 0; c < c_count; ++c) inv[c] = 1 / std::sqrt(var[c] + eps);

      const Tensor tx = r.features(shape, x), tg = r.dense({channels}, gamma), tb = r.dense({channels}, beta);
      Tensor tmean = r.dense({channels}, rm), tinv = r.dense({channels});
      if (training) {
        const Tensor trm = r.dense({channels}, rm), trv = r.dense({channels}, rv);
        r.k.batch_norm_moments(tx, 1e-5f, 0.1f, tmean = r.dense({channels}), tinv, trm, trv);
        r.expect("mean", tmean, mean, 3e-7);
        r.expect("running_mean", trm, new_mean, 3e-7);
        r.expect("running_var", trv, new_var, 3e-7);
      } else {
        r.k.batch_norm_inv_std(r.dense({channels}, rv), 1e-5f, tinv);
      }
      r.expect("inv_std", tinv, inv, 5e-7);

      // The rest is referred to the statistics as the kernel got them: a float32 mean far from 0 is itself a rounding.
      for (size_t c = 0; c < c_count; ++c) mean[c] = tmean.f32()[c], inv[c] = tinv.f32()[c];
      each([&](size_t i, size_t c) {
        y[i] = (x[i] - mean[c]) * inv[c] * gamma[c] + beta[c] + (residual ? added[i] : 0);
        if (relu && y[i] < 0) y[i] = 0;
      });
      const Tensor tadded = residual ? r.features(shape, added) : Tensor{}, ty = r.features(shape);
      r.k.batch_norm_forward(tx, tmean, tinv, tg, tb, tadded, relu, ty);
      r.expect("y", ty, y, 5e-7);

      Values dgamma(c_count), dbeta(c_count), dx(x.size());
      for (size_t i = 0; i < x.size(); ++i) g[i] = relu && Run::value(ty, place(ty, static_cast<int64_t>(i))) <= 0 ? 0 : dy[i];
      each([&](size_t i, size_t c) {
        dbeta[c] += g[i];
        dgamma[c] += g[i] * (x[i] - mean[c]) * inv[c];
      });
      each([&](size_t i, size_t c) {
        const double centred = training ? g[i] - dbeta[c] / m - (x[i] - mean[c]) * inv[c] * dgamma[c] / m : g[i];
        dx[i] = gamma[c] * inv[c] * centred;
      });
      const Tensor tdx = r.features(shape), tres = residual ? r.features(shape) : Tensor{}, tdg = r.dense({channels}),
                   tdb = r.dense({channels});
      r.k.batch_norm_backward(tx, relu ? ty : Tensor{}, r.features(shape, dy), tmean, tinv, tg, training, tdx, tres, tdg,
                              tdb);
      r.expect("dx", tdx, dx, 1e-6);
      r.expect("dgamma", tdg, dgamma, 1e-6);
      r.expect("dbeta", tdb, dbeta, 1e-6);
      if (residual) r.expect("dresidual", tres, g, 0);
      const Tensor both = r.features(shape, dy);
      r.k.batch_norm_backward(tx, relu ? ty : Tensor{}, both, tmean, tinv, tg, training, both, tres, tdg, tdb);
      r.expect("dx in the place of dy", both, dx, 1e-6);
    }
  }
}

void max_pool(Run& r) {
  const int windows[][3] = {{3, 2, 1}, {2, 2, 0}, {3, 1, 1}, {5, 3, 2}};
  for (const Shape& shape : {Shape{2, 1, 5, 7}, {2, 3, 6, 5}, {2, 5, 7, 9}, {3, 17, 8, 11}, {1, 48, 13, 20}}) {
    for (const auto& [kernel, stride, padding] : windows) {
      r.begin("max_pool " + text(shape) + " k" + std::to_string(kernel) + "s" + std::to_string(stride));
      const int64_t h = shape[2], w = shape[3], oh = (h + 2 * padding - kernel) / stride + 1,
                    ow = (w + 2 * padding - kernel) / stride + 1;
      const Shape to = {shape[0], shape[1], oh, ow};
      Values x = r.uniform(count_of(shape), 2);
      for (double& v : x) v = std::round(v);  // many ties
      const Values dy = r.uniform(count_of(to));
      Values y, taps, dx(x.size());
      for (int64_t o = 0; o < count_of(to); ++o) {
        const int64_t plane = o / (oh * ow), top = o / ow % oh * stride - padding, left = o % ow * stride - padding;
        double best = -INFINITY, tap = 0;
        int64_t from = 0;
        for (int64_t i = 0; i < kernel * kernel; ++i) {
          const int64_t row = top + i / kernel, column = left + i % kernel;
          if (row < 0 || row >= h || column < 0 || column >= w) continue;
          const int64_t at = (plane * h + row) * w + column;
          if (x[static_cast<size_t>(at)] > best) best = x[static_cast<size_t>(at)], tap = static_cast<double>(i), from = at;
        }
        y.push_back(best);
        taps.push_back(tap);
        dx[static_cast<size_t>(from)] += dy[static_cast<size_t>(o)];
      }
      const Tensor ty = r.features(to), tt = r.features(to, DType::u8), tdx = r.features(shape);
      r.k.max_pool2d_forward(r.features(shape, x), kernel, stride, padding, ty, tt);
      r.expect("y", ty, y, 0);
      for (int64_t i = 0; i < count_of(to); ++i) {
        if (tt.u8()[place(tt, i)] != taps[static_cast<size_t>(i)]) {
          fail("max_pool taps " + text(shape));
          break;
        }
      }
      r.k.max_pool2d_backward(r.features(to, dy), tt, kernel, stride, padding, tdx);
      r.expect("dx", tdx, dx, 2e-7);
    }
  }
}

// A window with a NaN has NaN as its maximum, and the last one takes the gradient.
void max_pool_of_nan(Run& r) {
  const Shape shape = {1, 17, 4, 4}, to = {1, 17, 2, 2};
  r.begin("max_pool of NaN");
  Values x = r.uniform(count_of(shape)), dx(x.size());
  const auto at = [](int64_t c, int64_t row, int64_t column) { return static_cast<size_t>((c * 4 + row) * 4 + column); };
  for (int64_t c = 0; c < 17; ++c) {
    x[at(c, 0, 0)] = x[at(c, 1, 0)] = x[at(c, 0, 3)] = x[at(c, 2, 1)] = x[at(c, 3, 3)] = NAN;
    for (const auto& [row, column] : {std::pair{1, 0}, {0, 3}, {2, 1}, {3, 3}}) dx[at(c, row, column)] = 1;
  }
  const Tensor y = r.features(to), taps = r.features(to, DType::u8), tdx = r.features(shape);
  r.k.max_pool2d_forward(r.features(shape, x), 2, 2, 0, y, taps);
  for (int64_t i = 0; i < count_of(to); ++i) {
    if (!std::isnan(Run::value(y, place(y, i)))) return fail("max_pool hides a NaN");
  }
  r.k.max_pool2d_backward(r.features(to, Values(static_cast<size_t>(count_of(to)), 1)), taps, 2, 2, 0, tdx);
  r.expect("dx", tdx, dx, 0);
}

void average_pools(Run& r) {
  // Input [N,C,H,W], channels of y, first channel of the slice, size of y.
  struct Form {
    Shape x;
    int64_t channels, first, h, w;
  };
  for (const Form& f :
       {Form{{2, 64, 8, 8}, 96, 32, 4, 4}, Form{{2, 5, 7, 9}, 21, 16, 4, 5}, Form{{2, 5, 7, 9}, 12, 3, 10, 13},
        Form{{2, 5, 7, 9}, 12, 0, 4, 4}, Form{{1, 3, 6, 5}, 3, 0, 4, 7}, Form{{2, 3, 6, 5}, 20, 17, 3, 3},
        Form{{3, 17, 5, 11}, 17, 0, 9, 4}, Form{{1, 16, 1, 1}, 16, 0, 6, 5}}) {
    r.begin("adaptive_avg_pool " + text(f.x) + " into " + std::to_string(f.channels) + " at " + std::to_string(f.first));
    const int64_t n = f.x[0], c = f.x[1], h = f.x[2], w = f.x[3];
    const Shape to = {n, f.channels, f.h, f.w};
    const Values x = r.uniform(count_of(f.x)), dy = r.uniform(count_of(to)), before = r.uniform(count_of(to));
    Values y = before, dx(x.size());
    for (int64_t i = 0; i < n * c * f.h * f.w; ++i) {
      const int64_t image = i / (c * f.h * f.w), channel = i / (f.h * f.w) % c, row = i / f.w % f.h, column = i % f.w;
      const int64_t r0 = row * h / f.h, r1 = ((row + 1) * h + f.h - 1) / f.h, c0 = column * w / f.w,
                    c1 = ((column + 1) * w + f.w - 1) / f.w;
      const size_t o = static_cast<size_t>(((image * f.channels + f.first + channel) * f.h + row) * f.w + column);
      y[o] = 0;
      for (int64_t a = r0; a < r1; ++a) {
        for (int64_t b = c0; b < c1; ++b) {
          const size_t at = static_cast<size_t>(((image * c + channel) * h + a) * w + b);
          y[o] += x[at] / static_cast<double>((r1 - r0) * (c1 - c0));
          dx[at] += dy[o] / static_cast<double>((r1 - r0) * (c1 - c0));
        }
      }
    }
    const Tensor ty = r.features(to, before), tdx = r.features(f.x);
    r.k.adaptive_avg_pool2d_forward(r.features(f.x, x), ty, f.first);
    r.expect("y", ty, y, 5e-7);
    r.k.adaptive_avg_pool2d_backward(r.features(to, dy), f.first, tdx);
    r.expect("dx", tdx, dx, 1e-6);
  }
  for (const Shape& shape : kFeatureShapes) {
    r.begin("global_avg_pool " + text(shape));
    const int64_t hw = shape[2] * shape[3], planes = shape[0] * shape[1];
    const Values x = r.uniform(count_of(shape)), dy = r.uniform(planes);
    Values y(static_cast<size_t>(planes)), dx;
    for (int64_t i = 0; i < planes * hw; ++i) {
      y[static_cast<size_t>(i / hw)] += x[static_cast<size_t>(i)] / static_cast<double>(hw);
      dx.push_back(dy[static_cast<size_t>(i / hw)] / static_cast<double>(hw));
    }
    const Tensor ty = r.dense({shape[0], shape[1]}), tdx = r.features(shape);
    r.k.global_avg_pool_forward(r.features(shape, x), ty);
    r.expect("y", ty, y, 5e-7);
    r.k.global_avg_pool_backward(r.dense({shape[0], shape[1]}, dy), tdx);
    r.expect("dx", tdx, dx, 2e-7);
  }
}

double bilinear(const double* x, int64_t h, int64_t w, double row, double column) {
  const auto clamp = [](double v, int64_t n) { return std::fmin(std::fmax(v, 0), static_cast<double>(n - 1)); };
  row = clamp(row, h);
  column = clamp(column, w);
  const int64_t r0 = static_cast<int64_t>(row), c0 = static_cast<int64_t>(column), r1 = std::min(r0 + 1, h - 1),
                c1 = std::min(c0 + 1, w - 1);
  const double u = column - static_cast<double>(c0), v = row - static_cast<double>(r0);
  return (1 - v) * ((1 - u) * x[r0 * w + c0] + u * x[r0 * w + c1]) + v * ((1 - u) * x[r1 * w + c0] + u * x[r1 * w + c1]);
}

void maps(Run& r) {
  for (const Shape& shape : kFeatureShapes) {
    for (const auto& [oh, ow] : {std::pair<int64_t, int64_t>{11, 4}, {3, 16}, {1, 1}}) {
      r.begin("resize " + text(shape) + " to " + std::to_string(oh));
      const int64_t h = shape[2], w = shape[3];
      const Values x = r.uniform(count_of(shape));
      Values y;
      for (int64_t i = 0; i < shape[0] * shape[1] * oh * ow; ++i) {
        const double row = (static_cast<double>(i / ow % oh) + 0.5) * static_cast<double>(h) / static_cast<double>(oh) - 0.5;
        const double column = (static_cast<double>(i % ow) + 0.5) * static_cast<double>(w) / static_cast<double>(ow) - 0.5;
        y.push_back(bilinear(x.data() + i / (oh * ow) * h * w, h, w, row, column));
      }
      const Tensor ty = r.features({shape[0], shape[1], oh, ow});
      r.k.resize_bilinear(r.features(shape, x), ty);
      r.expect("y", ty, y, 5e-7);
    }
    r.begin("grad_cam " + text(shape));
    const int64_t n = shape[0], c = shape[1], hw = shape[2] * shape[3];
    const Values act = r.uniform(count_of(shape)), grad = r.uniform(count_of(shape));
    Values raw(static_cast<size_t>(n * hw)), unit(act.size());
    for (int64_t image = 0; image < n; ++image) {
      for (int64_t channel = 0; channel < c; ++channel) {
        const int64_t plane = (image * c + channel) * hw;
        double weight = 0;
        for (int64_t p = 0; p < hw; ++p) weight += grad[static_cast<size_t>(plane + p)] / static_cast<double>(hw);
        for (int64_t p = 0; p < hw; ++p)
          raw[static_cast<size_t>(image * hw + p)] += weight * act[static_cast<size_t>(plane + p)];
      }
      const auto begin = act.begin() + image * c * hw;
      const double low = *std::min_element(begin, begin + c * hw), high = *std::max_element(begin, begin + c * hw);
      for (int64_t i = image * c * hw; i < (image + 1) * c * hw; ++i) {
        unit[static_cast<size_t>(i)] = (act[static_cast<size_t>(i)] - low) / (1e-7 + (high - low));
      }
    }
    for (double& v : raw) v = v > 0 ? v : 0;
    const Tensor traw = r.features({n, 1, shape[2], shape[3]}, DType::f32), tunit = r.features(shape, DType::f32);
    r.k.grad_cam(r.features(shape, act), r.features(shape, grad), traw);
    r.expect("raw", traw, raw, 2e-6);
    r.k.unit_range(r.maps(shape, act), tunit);
    r.expect("unit_range", tunit, unit, 3e-7);
  }
}

// Outputs so large that they are written past the cache; of numbers whose results either type holds.
void large(Run& r) {
  r.begin("large");
  const int64_t channels = r.type == DType::bf16 ? 32 : 16;
  const Shape shape = {2, channels, 513, 517};
  const size_t n = static_cast<size_t>(count_of(shape));
  const Tensor ones = r.dense({channels}, Values(static_cast<size_t>(channels), 1.0)),
               zeros = r.dense({channels}, Values(static_cast<size_t>(channels), 0.0));
  Values v(n), want(n);
  for (size_t i = 0; i < n; ++i) v[i] = static_cast<double>(i * 2654435761u % 201) - 100;
  const Tensor x = r.features(shape, v);
  Tensor y = r.features(shape);
  r.k.add(x, x, y);
  for (size_t i = 0; i < n; ++i) want[i] = 2 * v[i];
  r.expect("add", y, want, 0);
  r.k.batch_norm_forward(x, zeros, ones, ones, ones, Tensor{}, true, y = r.features(shape));
  for (size_t i = 0; i < n; ++i) want[i] = std::fmax(v[i] + 1, 0);
  r.expect("batch_norm_forward", y, want, 0);
  const Tensor dx = r.features(shape), dresidual = r.features(shape), dgamma = r.dense({channels}), dbeta = r.dense({channels});
  r.k.batch_norm_backward(x, y, x, zeros, ones, ones, false, dx, dresidual, dgamma, dbeta);
  for (size_t i = 0; i < n; ++i) want[i] = v[i] + 1 > 0 ? v[i] : 0;
  r.expect("batch_norm_backward", dx, want, 0);
  r.expect("dresidual", dresidual, want, 0);
  r.same_bits("dgamma", dgamma);
  r.same_bits("dbeta", dbeta);
}

}  // namespace

int main() {
  std::map<std::string, uint64_t> bits;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (!supported(isa)) {
      std::printf("%s: this processor does not have it\n", name_of(isa));
      continue;
    }
    for (int threads : {1, 2, 3}) {
      Pool pool(threads);
      Scratch scratch;
      const auto kernels = make_kernels(isa, pool, scratch);
      const std::string name = std::string(name_of(isa)) + "/" + std::to_string(threads);
      for (DType type : {DType::f32, DType::bf16}) {
        Run run(*kernels, name, type, bits);
        for (const auto& part : {elementwise, layout, batch_norm, max_pool, max_pool_of_nan, average_pools, maps, large}) part(run);
      }
    }
  }
  std::printf("%zu results, %d failures\n", bits.size(), failures);
  return failures == 0 && !bits.empty() ? 0 : 1;
}
