// Checks every CPU kernel but the convolutions against plain loops in double, on odd shapes, with features in float32 and in bf16, and
// that results have the same bits for 1, 2 and 3 threads on every instruction set of this machine. Exits with 1 and a list where something differs.
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
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <tuple>
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
  Tensor labels(const std::vector<int>& v) {
    Tensor t = dense({static_cast<int64_t>(v.size())}, DType::i32);
    std::copy(v.begin(), v.end(), t.i32());
    return t;
  }

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

// Philox4x32-10 once more, from the paper's description of a round.
void philox(uint32_t c[4], uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    const uint64_t a = uint64_t{c[0]} * 0xD2511F53u, b = uint64_t{c[2]} * 0xCD9E8D57u;
    const uint32_t next[4] = {uint32_t(b >> 32) ^ c[1] ^ k0, uint32_t(b), uint32_t(a >> 32) ^ c[3] ^ k1, uint32_t(a)};
    std::memcpy(c, next, sizeof next);
  }
}

void random(Run& r) {
  r.begin("dropout_mask");
  const uint32_t f = 0xffffffffu, known[2][4] = {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                                                 {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}};
  uint32_t zero[4] = {0, 0, 0, 0}, ones[4] = {f, f, f, f};
  philox(zero, 0, 0);
  philox(ones, f, f);
  if (std::memcmp(zero, known[0], 16) != 0 || std::memcmp(ones, known[1], 16) != 0)
    fail("the reference Philox misses its known answers");
  for (int64_t elements : {1, 6, 30720}) {
    const uint32_t seed = 7, purpose = 0xfffffff0u;
    const double step = 5.0 * 4294967296.0 + 3;
    for (double p : {0.0, 0.25, 0.5, 0.9}) {
      const Tensor y = r.dense({elements});
      Values want;
      for (int64_t i = 0; i < elements; ++i) {
        uint32_t c[4] = {uint32_t(i / 4), 0, 3, 5};
        philox(c, seed, purpose);
        want.push_back(c[i % 4] >= uint64_t(p * 4294967296.0) ? 1 / (1 - p) : 0);
      }
      r.k.dropout_mask(y, p, seed, purpose, step);
      r.expect(std::to_string(elements) + " " + std::to_string(p), y, want, 1e-7);
    }
  }
  // The first four words under key 0, to the last bit: kept at p = word / 2^32, dropped one step above.
  for (int i = 0; i < 4; ++i) {
    for (int above = 0; above < 2; ++above) {
      const Tensor y = r.dense({4});
      r.k.dropout_mask(y, (double(known[0][i]) + above) / 4294967296.0, 0, 0, 0);
      if ((y.f32()[i] > 0) == (above == 1)) fail("dropout_mask misses a known answer");
    }
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

void dense_layers(Run& r) {
  for (const Shape& s : {Shape{1, 1, 1}, {5, 7, 3}, {3, 16, 1}, {2, 33, 17}, {31, 70, 40}, {60, 512, 2}, {4, 130, 1000}}) {
    r.begin("linear " + text(s));
    const int64_t n = s[0], depth = s[1], outputs = s[2];
    const Values x = r.uniform(n * depth), w = r.uniform(outputs * depth), b = r.uniform(outputs),
                 dy = r.uniform(n * outputs);
    Values y, plain, dx(x.size()), dw(w.size()), db(b.size());
    for (int64_t i = 0; i < n * outputs; ++i) {
      const int64_t row = i / outputs * depth, o = i % outputs;
      double sum = 0;
      for (int64_t k = 0; k < depth; ++k) {
        sum += x[static_cast<size_t>(row + k)] * w[static_cast<size_t>(o * depth + k)];
        dx[static_cast<size_t>(row + k)] += dy[static_cast<size_t>(i)] * w[static_cast<size_t>(o * depth + k)];
        dw[static_cast<size_t>(o * depth + k)] += dy[static_cast<size_t>(i)] * x[static_cast<size_t>(row + k)];
      }
      db[static_cast<size_t>(o)] += dy[static_cast<size_t>(i)];
      plain.push_back(sum);
      y.push_back(sum + b[static_cast<size_t>(o)]);
    }
    const Tensor tx = r.dense({n, depth}, x), tw = r.dense({outputs, depth}, w), tdy = r.dense({n, outputs}, dy);
    Tensor ty = r.dense({n, outputs});
    r.k.linear_forward(tx, tw, r.dense({outputs}, b), ty);
    r.expect("y", ty, y, 1e-6);
    r.k.linear_forward(tx, tw, Tensor{}, ty = r.dense({n, outputs}));
    r.expect("y without bias", ty, plain, 1e-6);
    const Tensor tdx = r.dense({n, depth}), tdw = r.dense({outputs, depth}), tdb = r.dense({outputs});
    r.k.linear_data_grad(tdy, tw, tdx);
    r.expect("dx", tdx, dx, 1e-6);
    r.k.linear_weight_grad(tx, tdy, tdw, tdb);
    r.expect("dw", tdw, dw, 1e-6);
    r.expect("db", tdb, db, 1e-6);

    // Row 0 is zero and row 1 shorter than the least norm.
    Values f = x, fy, fdx, unit = w;
    const Values fdy = r.uniform(n * depth);
    for (int64_t i = 0; i < n * depth && i < 2 * depth; ++i)
      f[static_cast<size_t>(i)] = i < depth ? 0 : f[static_cast<size_t>(i)] * 1e-16;
    for (int64_t row = 0; row < n; ++row) {
      double square = 0, along = 0;
      for (int64_t k = row * depth; k < (row + 1) * depth; ++k) {
        f[static_cast<size_t>(k)] = static_cast<float>(f[static_cast<size_t>(k)]);
        square += f[static_cast<size_t>(k)] * f[static_cast<size_t>(k)];
        along += f[static_cast<size_t>(k)] * fdy[static_cast<size_t>(k)];
      }
      const double norm = std::sqrt(square), factor = 1 / std::sqrt(2 * std::fmax(norm, 1e-12));
      for (int64_t k = row * depth; k < (row + 1) * depth; ++k) {
        fy.push_back(f[static_cast<size_t>(k)] * factor);
        fdx.push_back(factor * fdy[static_cast<size_t>(k)] -
                      (norm < 1e-12 ? 0 : std::pow(factor, 3) * along * f[static_cast<size_t>(k)] / norm));
      }
    }
    const Tensor tf = r.dense({n, depth}, f), tfy = r.dense({n, depth}), tfdx = r.dense({n, depth});
    r.k.feature_norm_forward(tf, tfy);
    r.expect("feature_norm", tfy, fy, 3e-7);
    r.k.feature_norm_backward(tf, r.dense({n, depth}, fdy), tfdx);
    r.expect("feature_norm dx", tfdx, fdx, 3e-7);
    for (int64_t k = 0; k < depth; ++k) {
      double square = 0;
      for (int64_t o = 0; o < outputs; ++o)
        square += w[static_cast<size_t>(o * depth + k)] * w[static_cast<size_t>(o * depth + k)];
      for (int64_t o = 0; o < outputs; ++o) unit[static_cast<size_t>(o * depth + k)] /= std::sqrt(square);
    }
    r.k.unit_columns(tw);
    r.expect("unit_columns", tw, unit, 3e-7);
  }
}

void losses(Run& r) {
  for (const auto& [n, classes, scale] :
       {std::tuple<int64_t, int64_t, double>{1, 2, 1}, {7, 5, 3}, {30, 2, 200}, {3, 1000, 10}}) {
    r.begin("softmax " + std::to_string(n) + "x" + std::to_string(classes));
    const Values x = r.uniform(n * classes, scale), dy = r.uniform(n * classes);
    std::vector<int> labels;
    Values y, dx, dlogits, loss = {0};
    for (int64_t row = 0; row < n; ++row) {
      const double* in = x.data() + row * classes;
      const int64_t label = row * 31 % classes;
      labels.push_back(static_cast<int>(label));
      double sum = 0, largest = *std::max_element(in, in + classes), upstream = 0;
      for (int64_t c = 0; c < classes; ++c)
        sum += std::exp(in[c] - largest), upstream += dy[static_cast<size_t>(row * classes + c)];
      for (int64_t c = 0; c < classes; ++c) {
        const double log_p = in[c] - largest - std::log(sum);
        y.push_back(log_p);
        dx.push_back(dy[static_cast<size_t>(row * classes + c)] - std::exp(log_p) * upstream);
        dlogits.push_back((std::exp(log_p) - (c == label)) / static_cast<double>(n));
        if (c == label) loss[0] -= log_p / static_cast<double>(n);
      }
    }
    const Tensor tx = r.dense({n, classes}, x), ty = r.dense({n, classes}), tdx = r.dense({n, classes}),
                 td = r.dense({n, classes}), l = r.dense({});
    r.k.log_softmax_forward(tx, ty);
    r.expect("log_softmax", ty, y, 3e-7);
    r.k.log_softmax_backward(ty, r.dense({n, classes}, dy), tdx);
    r.expect("log_softmax dx", tdx, dx, 2e-5);  // exp(y) has the absolute error of y, which reaches -400
    r.k.cross_entropy(tx, r.labels(labels), l, td);
    r.expect("cross_entropy", l, loss, 3e-7);
    r.expect("cross_entropy dlogits", td, dlogits, 3e-7);
    r.k.cross_entropy(tx, r.labels(labels), l, Tensor{});
    r.expect("cross_entropy alone", l, loss, 3e-7);
    labels[0] = static_cast<int>(classes);
    r.k.cross_entropy(tx, r.labels(labels), l, td);
    if (!std::isnan(l.f32()[0])) fail("cross_entropy takes a label that is no class");
  }
  for (size_t form = 0; form <= kFeatureShapes.size(); ++form) {
    const bool flat = form == kFeatureShapes.size();
    const Shape shape = flat ? Shape{30, 1001} : kFeatureShapes[form];
    r.begin("mse " + text(shape));
    const Values a = r.uniform(count_of(shape)), b = r.uniform(count_of(shape));
    Values loss = {0}, da;
    for (size_t i = 0; i < a.size(); ++i) {
      loss[0] += (a[i] - b[i]) * (a[i] - b[i]) / static_cast<double>(a.size());
      da.push_back(2 * (a[i] - b[i]) / static_cast<double>(a.size()));
    }
    const Tensor l = r.dense({}), d = flat ? r.dense(shape) : r.features(shape, DType::f32);
    r.k.mse(flat ? r.dense(shape, a) : r.maps(shape, a), flat ? r.dense(shape, b) : r.maps(shape, b), l, d);
    r.expect("loss", l, loss, 5e-7);
    r.expect("da", d, da, 3e-7);
  }
}

// The loss alone, from the definition, with distances as lengths of differences.
double triplet_loss(const Values& x, const std::vector<int>& labels, int64_t depth, double margin, bool hard, bool squared) {
  const size_t n = labels.size(), width = static_cast<size_t>(depth);
  std::vector<Values> d(n, Values(n));
  for (size_t a = 0; a < n; ++a) {
    for (size_t b = 0; b < n; ++b) {
      double s = 0;
      for (size_t k = 0; k < width; ++k) s += (x[a * width + k] - x[b * width + k]) * (x[a * width + k] - x[b * width + k]);
      d[a][b] = squared ? s : std::sqrt(s);
    }
  }
  double sum = 0, count = 0;
  for (size_t a = 0; a < n; ++a) {
    double positive = 0, negative = INFINITY;
    const double farthest = *std::max_element(d[a].begin(), d[a].end());
    for (size_t j = 0; j < n; ++j) {
      if (labels[j] == labels[a]) positive = std::fmax(positive, d[a][j]);
      negative = std::fmin(negative, d[a][j] + (labels[j] == labels[a] ? farthest : 0));
      for (size_t p = 0; !hard && p < n; ++p) {
        const double violation = d[a][p] - d[a][j] + margin;
        if (p == a || labels[p] != labels[a] || labels[j] == labels[a] || violation <= 1e-16) continue;
        sum += violation;
        ++count;
      }
    }
    if (hard) sum += std::fmax(0, positive - negative + margin) / static_cast<double>(n);
  }
  return hard ? sum : sum / (count + 1e-16);
}

void triplet(Run& r) {
  for (const auto& [n, depth, classes] :
       {std::tuple<int64_t, int64_t, int>{1, 3, 1}, {2, 5, 2}, {9, 4, 3}, {12, 19, 2}, {6, 4, 1}, {5, 4, 9}}) {
    for (int form = 0; form < 4; ++form) {
      const bool hard = form % 2 == 0, squared = form / 2 == 1;
      r.begin("triplet " + std::to_string(n) + "x" + std::to_string(depth) + "/" + std::to_string(classes) + " form " +
              std::to_string(form));
      const Values x = r.uniform(n * depth);
      std::vector<int> labels;
      for (int64_t i = 0; i < n; ++i) labels.push_back(static_cast<int>(i) % classes);
      const double margin = 0.3f, h = 1e-6;
      const Tensor loss = r.dense({}), dx = r.dense({n, depth}), tx = r.dense({n, depth}, x);
      const Mining mining = hard ? Mining::batch_hard : Mining::batch_all;
      r.k.triplet(tx, r.labels(labels), 0.3f, mining, squared, loss, dx);
      r.expect("loss", loss, {triplet_loss(x, labels, depth, margin, hard, squared)}, 3e-7);
      Values gradient;
      for (size_t i = 0; i < x.size(); ++i) {
        Values up = x, down = x;
        up[i] += h;
        down[i] -= h;
        gradient.push_back((triplet_loss(up, labels, depth, margin, hard, squared) -
                            triplet_loss(down, labels, depth, margin, hard, squared)) /
                           (2 * h));
      }
      // Where all labels agree the nearest "negative" of batch-hard is the anchor itself, raised by its largest distance.
      r.expect("dx by differences", dx, gradient, 1e-6);
      r.k.triplet(tx, r.labels(labels), 0.3f, mining, squared, loss, Tensor{});
      r.expect("loss alone", loss, {triplet_loss(x, labels, depth, margin, hard, squared)}, 3e-7);
    }
  }
  r.begin("triplet of equal rows");
  const int64_t n = 8, depth = 37;
  Values x = r.uniform(depth);
  for (int64_t i = depth; i < n * depth; ++i) x.push_back(x[static_cast<size_t>(i - depth)]);
  for (int form = 0; form < 4; ++form) {
    const Tensor loss = r.dense({}), dx = r.dense({n, depth});
    r.k.triplet(r.dense({n, depth}, x), r.labels({0, 1, 0, 1, 2, 2, 0, 1}), 0.25f,
                form % 2 == 0 ? Mining::batch_hard : Mining::batch_all, form > 1, loss, dx);
    r.expect("loss " + std::to_string(form), loss, {0.25}, 0);
    r.expect("dx " + std::to_string(form), dx, Values(x.size(), 0.0), 0);
  }
}

// The losses by their definitions; gradients by differences.
double bce_loss(const Values& z, const std::vector<int>& labels) {
  double sum = 0, count = 0;
  for (size_t i = 0; i < z.size(); ++i) {
    if (labels[i] != 0 && labels[i] != 1) continue;
    sum += std::log1p(std::exp(labels[i] == 1 ? -z[i] : z[i]));
    count += 1;
  }
  return count > 0 ? sum / count : 0;
}

double supcon_loss(const Values& x, const std::vector<int>& labels, int64_t depth, double temperature, double base) {
  const size_t n = labels.size(), width = static_cast<size_t>(depth);
  double sum = 0;
  for (size_t a = 0; a < n; ++a) {
    Values s(n);
    double contrasts = 0, of_positives = 0, positives = 0;
    for (size_t j = 0; j < n; ++j) {
      for (size_t k = 0; k < width; ++k) s[j] += x[a * width + k] * x[j * width + k] / temperature;
      if (j != a) contrasts += std::exp(s[j]);
    }
    for (size_t j = 0; j < n; ++j) {
      if (j == a || labels[j] != labels[a]) continue;
      of_positives += s[j] - std::log(contrasts);
      positives += 1;
    }
    sum -= of_positives / positives;
  }
  return temperature / base * sum / static_cast<double>(n);
}

Values by_differences(const Values& x, double h, const std::function<double(const Values&)>& f) {
  Values gradient;
  for (size_t i = 0; i < x.size(); ++i) {
    Values up = x, down = x;
    up[i] += h;
    down[i] -= h;
    gradient.push_back((f(up) - f(down)) / (2 * h));
  }
  return gradient;
}

void method_losses(Run& r) {
  for (const int64_t n : {1, 2, 7, 33}) {
    r.begin("bce " + std::to_string(n));
    const Values z = r.uniform(n, 5);
    std::vector<int> labels;
    for (int64_t i = 0; i < n; ++i) labels.push_back(static_cast<int>(i * 7 % 4) - 1);  // -1 and 2 do not count
    const Tensor loss = r.dense({}), dz = r.dense({n});
    r.k.bce_with_logits(r.dense({n}, z), r.labels(labels), loss, dz);
    r.expect("loss", loss, {bce_loss(z, labels)}, 3e-7);
    r.expect("dz", dz, by_differences(z, 1e-5, [&](const Values& v) { return bce_loss(v, labels); }), 1e-6);
    r.k.bce_with_logits(r.dense({n}, z), r.labels(labels), loss, Tensor{});
    r.expect("loss alone", loss, {bce_loss(z, labels)}, 3e-7);
  }
  r.begin("bce of certainty");
  const Tensor sure = r.dense({}), slope = r.dense({4});
  r.k.bce_with_logits(r.dense({4}, {40, -40, 200, 40}), r.labels({1, 0, 1, 1}), sure, slope);
  r.expect("right", sure, {(3 * std::exp(-40.0) + std::exp(-200.0)) / 4}, 1e-6);
  r.k.bce_with_logits(r.dense({4}, {40, -40, 200, 0}), r.labels({0, 1, 0, 1}), sure, slope);
  r.expect("wrong", sure, {(40 + 40 + 200 + std::log(2.0)) / 4}, 3e-7);
  r.expect("slope", slope, {0.25, -0.25, 0.25, -0.125}, 3e-7);

  for (const auto& [n, depth, classes] : {std::tuple<int64_t, int64_t, int>{3, 3, 1}, {9, 5, 3}, {24, 37, 2}, {40, 8, 7}}) {
    r.begin("supcon " + std::to_string(n) + "x" + std::to_string(depth));
    const Values x = r.uniform(n * depth, 1 / std::sqrt(static_cast<double>(depth)));
    std::vector<int> labels;
    for (int64_t i = 0; i < n; ++i) labels.push_back(static_cast<int>(i) % classes * 3 - 2);
    const auto of = [&, depth = depth](const Values& v) { return supcon_loss(v, labels, depth, 0.3, 0.07); };
    const Tensor loss = r.dense({}), dx = r.dense({n, depth}), tx = r.dense({n, depth}, x);
    r.k.supcon(tx, r.labels(labels), 0.3, 0.07, loss, dx);
    r.expect("loss", loss, {of(x)}, 5e-7);
    r.expect("dx", dx, by_differences(x, 1e-5, of), 1e-6);
    r.k.supcon(tx, r.labels(labels), 0.3, 0.07, loss, Tensor{});
    r.expect("loss alone", loss, {of(x)}, 5e-7);
    labels[0] = 1000;
    r.k.supcon(tx, r.labels(labels), 0.3, 0.07, loss, dx);
    if (!std::isnan(loss.f32()[0])) fail("supcon takes a label that stands once");
  }
}

void rows(Run& r) {
  for (const auto& [n, depth] : {std::pair<int64_t, int64_t>{1, 1}, {3, 17}, {70, 512}}) {
    for (const double eps : {1e-12, 0.5}) {
      r.begin("l2_normalize " + std::to_string(n) + "x" + std::to_string(depth) + " " + std::to_string(eps));
      Values x = r.uniform(n * depth), y, dx;
      const Values dy = r.uniform(n * depth);
      for (int64_t i = 0; i < depth; ++i) x[static_cast<size_t>(i)] *= n == 3 ? 1e-20 : n == 70 ? 0 : 1;  // shorter than eps, or zero
      for (double& v : x) v = static_cast<float>(v);
      for (int64_t row = 0; row < n; ++row) {
        double square = 0, along = 0;
        for (int64_t k = row * depth; k < (row + 1) * depth; ++k) {
          square += x[static_cast<size_t>(k)] * x[static_cast<size_t>(k)];
          along += x[static_cast<size_t>(k)] * dy[static_cast<size_t>(k)];
        }
        const double norm = std::sqrt(square), length = std::fmax(norm, eps);
        for (int64_t k = row * depth; k < (row + 1) * depth; ++k) {
          y.push_back(x[static_cast<size_t>(k)] / length);
          dx.push_back((dy[static_cast<size_t>(k)] - (norm < eps ? 0 : along / square * x[static_cast<size_t>(k)])) / length);
        }
      }
      const Tensor tx = r.dense({n, depth}, x), ty = r.dense({n, depth}), tdx = r.dense({n, depth});
      r.k.l2_normalize_forward(tx, eps, ty);
      r.expect("y", ty, y, 3e-7);
      r.k.l2_normalize_backward(tx, r.dense({n, depth}, dy), eps, tdx);
      r.expect("dx", tdx, dx, depth == 1 ? 1 : 3e-7);  // one number has one direction: what is left is rounding
    }
  }
  r.begin("take_rows");
  const Values x = r.uniform(4 * 2 * 3);
  Values taken;
  for (const int row : {2, -1, 0, 4, 3}) {
    for (size_t i = 0; i < 6; ++i) taken.push_back(row < 0 || row > 3 ? 0 : x[static_cast<size_t>(row) * 6 + i]);
  }
  const Tensor ty = r.dense({5, 2, 3});
  r.k.take_rows(r.dense({4, 2, 3}, x), r.labels({2, -1, 0, 4, 3}), ty);
  r.expect("y", ty, taken, 0);

  for (const auto& [heads, depth] : {std::pair<int64_t, int64_t>{2, 5}, {3, 512}, {16, 33}}) {
    for (const double alpha : {0.995, 0.3}) {
      r.begin("align_heads " + std::to_string(heads) + " " + std::to_string(alpha));
      std::vector<Values> w, unit, want;
      std::vector<Tensor> tw;
      for (int64_t k = 0; k < heads; ++k) {
        w.push_back(r.uniform(depth, k == 1 ? 1e-3 : 1));
        tw.push_back(r.dense({1, depth}, w.back()));
      }
      const auto dot = [](const Values& a, const Values& b) {
        double sum = 0;
        for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
        return sum;
      };
      const auto scaled = [](Values v, double factor) {
        for (double& each : v) each *= factor;
        return v;
      };
      for (const Values& each : w) unit.push_back(scaled(each, 1 / (std::sqrt(dot(each, each)) + 1e-10)));
      double cosines = 0;
      for (size_t k = 0; k < w.size(); ++k) {
        size_t far = k == 0 ? 1 : 0;
        for (size_t j = 0; j < w.size(); ++j) {
          if (j < k) cosines += dot(unit[k], unit[j]);
          if (j != k && dot(unit[k], unit[j]) < dot(unit[k], unit[far])) far = j;
        }
        const Values mixed = zip(unit[k], unit[far], [&, alpha = alpha](double a, double b) { return alpha * a + (1 - alpha) * b; });
        want.push_back(scaled(mixed, std::sqrt(dot(w[k], w[k])) / (std::sqrt(dot(mixed, mixed)) + 1e-10)));
      }
      const Tensor cosine = r.dense({});
      r.k.align_heads({tw.data(), heads}, alpha, 1e-10, cosine);
      r.expect("cosine", cosine, {cosines / (static_cast<double>(heads * (heads - 1)) / 2)}, 3e-7);
      for (size_t k = 0; k < w.size(); ++k) r.expect("head " + std::to_string(k), tw[k], want[k], 3e-7);
    }
  }
}

void augmentation(Run& r) {
  for (const Shape& shape : {Shape{2, 3, 9, 14}, {3, 1, 6, 5}, {2, 18, 7, 8}}) {
    const int64_t n = shape[0], c = shape[1], h = shape[2], w = shape[3];
    const Values x = r.uniform(count_of(shape));
    const auto at = [&](int64_t plane, double row, double column) {
      const bool inside = row >= 0 && row < static_cast<double>(h) && column >= 0 && column < static_cast<double>(w);
      return inside ? x[static_cast<size_t>((plane * h + static_cast<int64_t>(row)) * w + static_cast<int64_t>(column))] : 0;
    };
    for (const bool nearest : {false, true}) {
      r.begin("rotate " + text(shape) + (nearest ? " nearest" : ""));
      Values turns, y;
      const std::vector<int> images = {1, 0, 1, 99};  // the last is none and becomes the last that is
      const int64_t count = static_cast<int64_t>(images.size());
      for (int64_t i = 0; i < count; ++i) {
        const double angle = 0.3 + 1.7 * static_cast<double>(i);
        turns.push_back(static_cast<float>(std::cos(angle)));
        turns.push_back(static_cast<float>(std::sin(angle)));
      }
      for (int64_t i = 0; i < count * c * h * w; ++i) {
        const int64_t row = i / (c * h * w), plane = std::min<int64_t>(images[static_cast<size_t>(row)], n - 1) * c + i / (h * w) % c;
        const double cosine = turns[static_cast<size_t>(2 * row)], sine = turns[static_cast<size_t>(2 * row + 1)];
        const double cx = static_cast<double>(w - 1) / 2, cy = static_cast<double>(h - 1) / 2;
        const double dx = static_cast<double>(i % w) - cx, dy = static_cast<double>(i / w % h) - cy;
        const double sx = cx + dx * cosine - dy * sine, sy = cy + dx * sine + dy * cosine;
        if (nearest) {
          y.push_back(at(plane, std::floor(sy + 0.5), std::floor(sx + 0.5)));
          continue;
        }
        double sum = 0;
        for (const int down : {0, 1}) {
          for (const int across : {0, 1}) {
            const double row = std::floor(sy) + down, column = std::floor(sx) + across;
            sum += at(plane, row, column) * (1 - std::fabs(sy - row)) * (1 - std::fabs(sx - column));
          }
        }
        y.push_back(sum);
      }
      const Tensor ty = r.features({count, c, h, w});
      r.k.rotate(r.features(shape, x), r.labels(images), r.dense({count, 2}, turns), nearest, ty);
      r.expect("y", ty, y, nearest ? 0 : 5e-7);
    }

    r.begin("resized_crop " + text(shape));
    const std::vector<std::vector<int>> crops = {{0, 0, 0, static_cast<int>(h), static_cast<int>(w), 1},
                                                 {static_cast<int>(n) - 1, 1, 2, 3, 3, 0},
                                                 {1, 5, 4, 1, 1, 1},
                                                 {1, 0, 1, 6, 4, 1}};
    for (const auto& [oh, ow] : {std::pair<int64_t, int64_t>{h, w}, {4, 11}}) {
      Values y;
      const int64_t count = static_cast<int64_t>(crops.size());
      for (int64_t i = 0; i < count * c * oh * ow; ++i) {
        const std::vector<int>& crop = crops[static_cast<size_t>(i / (c * oh * ow))];
        Values box;
        for (int64_t row = crop[1]; row < crop[1] + crop[3]; ++row) {
          for (int64_t column = crop[2]; column < crop[2] + crop[4]; ++column) {
            box.push_back(at(crop[0] * c + i / (oh * ow) % c, static_cast<double>(row), static_cast<double>(column)));
          }
        }
        const int64_t column = crop[5] == 1 ? ow - 1 - i % ow : i % ow;
        y.push_back(bilinear(box.data(), crop[3], crop[4], (static_cast<double>(i / ow % oh) + 0.5) * crop[3] / static_cast<double>(oh) - 0.5,
                             (static_cast<double>(column) + 0.5) * crop[4] / static_cast<double>(ow) - 0.5));
      }
      const Tensor table = r.dense({count, 6}, DType::i32), ty = r.features({count, c, oh, ow});
      for (size_t k = 0; k < crops.size(); ++k) std::copy(crops[k].begin(), crops[k].end(), table.i32() + 6 * k);
      r.k.resized_crop(r.features(shape, x), table, ty);
      r.expect("to " + std::to_string(oh), ty, y, 5e-7);
    }
  }

  r.begin("mix_colours");
  const Shape shape = {2, 3, 5, 7};
  const Values x = r.uniform(count_of(shape), 0.5, 0.5), m = r.uniform(20, 0.5, 0.2);
  Values y;
  for (int64_t i = 0; i < count_of(shape); ++i) {
    const int64_t n = i / 105, c = i / 35 % 3;
    const auto channel = [&](int64_t k, int64_t p) { return x[static_cast<size_t>((n * 3 + k) * 35 + p)]; };
    double grey = 0, value = 0;
    for (int64_t p = 0; p < 35; ++p) grey += (0.299 * channel(0, p) + 0.587 * channel(1, p) + 0.114 * channel(2, p)) / 35;
    for (int64_t k = 0; k < 3; ++k) value += m[static_cast<size_t>(10 * n + 3 * c + k)] * channel(k, i % 35);
    y.push_back(std::fmin(1, std::fmax(0, value + m[static_cast<size_t>(10 * n + 9)] * grey)));
  }
  const Tensor ty = r.features(shape);
  r.k.mix_colours(r.features(shape, x), r.dense({2, 10}, m), ty);
  r.expect("y", ty, y, 5e-7);
}

// One element that is not finite, wherever it is, is found, and nothing is updated then.
void finite_or_not(Run& r, const std::vector<int64_t>& sizes) {
  r.begin("finite or not");
  const float bad[] = {0, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity()};
  for (const float value : bad) {
    for (size_t at = 0; at < sizes.size(); ++at) {
      std::vector<Tensor> list;
      for (size_t k = 0; k < sizes.size(); ++k) {
        Values v(static_cast<size_t>(sizes[k]), std::numeric_limits<float>::max());
        if (k == at) v[v.size() * 2 / 3] = value;
        list.push_back(r.dense({sizes[k]}, v));
      }
      const Tensor finite = r.dense({1});
      const std::string where = std::to_string(value) + " in " + std::to_string(at);
      r.k.all_finite({list.data(), static_cast<int64_t>(list.size())}, finite);
      r.expect("finite " + where, finite, {value == 0 ? 1.0 : 0.0}, 0);
      const Tensor p = r.dense({3}, {1, 2, 3}), g = r.dense({3}, {4, 5, 6}), m = r.dense({3}, {7, 8, 9}), v = r.dense({3}, {1, 1, 1});
      r.k.adam({&p, 1}, {&g, 1}, {&m, 1}, {&v, 1}, 0.1, 0.9, 0.9, 0, 0, 1, finite);
      if (value != 0) r.expect("p held " + where, p, {1, 2, 3}, 0);
      r.k.sgd({&p, 1}, {&g, 1}, {&m, 1}, 1, 0, 0, true, finite);
      if (value != 0) r.expect("m held " + where, m, {7, 8, 9}, 0);
      if (value == 0) r.expect("not held " + where, m, {4, 5, 6}, 0);
    }
  }
}

void optimizers(Run& r) {
  const std::vector<int64_t> sizes = {1, 40000, 17, 16, 3, 16385};
  for (bool adam : {true, false}) {
    for (double decay : {0.0, 0.01}) {
      r.begin(std::string(adam ? "adam" : "sgd") + " " + std::to_string(decay));
      std::vector<Values> p, m, v;
      std::vector<Tensor> tp, tm, tv;
      for (int64_t size : sizes) {
        p.push_back(r.uniform(size));
        m.emplace_back(static_cast<size_t>(size));
        v.emplace_back(static_cast<size_t>(size));
        tp.push_back(r.dense({size}, p.back()));
        tm.push_back(adam ? r.dense({size}, m.back()) : r.dense({size}));  // sgd does not read it in the first step
        tv.push_back(r.dense({size}, v.back()));
      }
      const int64_t count = static_cast<int64_t>(sizes.size());
      const double lr = 0.003, b1 = 0.9, b2 = 0.999, eps = 1e-8, momentum = 0.9;
      for (int step = 1; step <= 4; ++step) {
        std::vector<Tensor> tg;
        for (size_t k = 0; k < sizes.size(); ++k) {
          const Values g = r.uniform(sizes[k], step == 3 ? 1e-7 : 1);
          tg.push_back(r.dense({sizes[k]}, g));
          for (size_t i = 0; i < g.size(); ++i) {
            const double slope = g[i] + decay * p[k][i];
            if (adam) {
              m[k][i] = b1 * m[k][i] + (1 - b1) * slope;
              v[k][i] = b2 * v[k][i] + (1 - b2) * slope * slope;
              p[k][i] -=
                  lr / (1 - std::pow(b1, step)) * m[k][i] / (std::sqrt(v[k][i]) / std::sqrt(1 - std::pow(b2, step)) + eps);
            } else {
              m[k][i] = step == 1 ? slope : momentum * m[k][i] + slope;
              p[k][i] -= lr * m[k][i];
            }
          }
        }
        if (adam) {
          r.k.adam({tp.data(), count}, {tg.data(), count}, {tm.data(), count}, {tv.data(), count}, lr, b1, b2, eps, decay,
                   step, {});
        } else {
          r.k.sgd({tp.data(), count}, {tg.data(), count}, {tm.data(), count}, lr, momentum, decay, step == 1, {});
        }
      }
      for (size_t k = 0; k < sizes.size(); ++k) {
        r.expect("p " + std::to_string(k), tp[k], p[k], 1e-6);
        r.expect("m " + std::to_string(k), tm[k], m[k], 2e-6);
        if (adam) r.expect("v " + std::to_string(k), tv[k], v[k], 2e-6);
      }
    }
  }
  finite_or_not(r, sizes);
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
      Run run(*kernels, name, DType::f32, bits);
      for (const auto& part : {elementwise, layout, random, batch_norm, max_pool, max_pool_of_nan, average_pools, maps, dense_layers,
                               losses, triplet, method_losses, rows, augmentation, optimizers, large})
        part(run);
      Run halves(*kernels, name, DType::bf16, bits);
      for (const auto& part : {elementwise, layout, batch_norm, max_pool, max_pool_of_nan, average_pools, maps, large}) part(halves);
    }
  }
  std::printf("%zu results, %d failures\n", bits.size(), failures);
  return failures == 0 && !bits.empty() ? 0 : 1;
}
