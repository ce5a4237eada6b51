// Checks every convolution kernel against a plain loop nest in double precision, for every instruction set of this machine
// and several numbers of threads, whose results must be equal bit by bit; with features in bf16 those of the tile units, the
// processor's and the emulated one, are a group of their own.
//
//   conv2d_test            exit status 0 when everything agrees; -v prints the errors
//   conv2d_test small      those of at most two million products: under a sanitizer each costs many times as much
//   conv2d_test accuracy   rounding errors of both algorithms on the network's layers (a minute)
//
// Outputs are filled with NaN before a call and followed by guards, so that what is not written, or written beside, shows.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../../src/native/cpu/features.h"
#include "../../src/native/cpu/isa.h"
#include "../../src/native/cpu/pool.h"
#include "../../src/native/cpu/scratch.h"
#include "../../src/native/kernels.h"
#define LDC_ISA portable
#define LDC_ISA_LEVEL 0
#include "../../src/native/cpu/vec.h"

using namespace ldc;
using Doubles = std::vector<double>;

namespace {

int failures = 0;

struct Random {
  uint64_t state = 88172645463325252ull;
  double uniform() {  // xorshift64*
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return static_cast<double>((state * 2685821657736338717ull) >> 11) / 9007199254740992.0;
  }
  double normal() { return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(6.283185307179586 * uniform()); }
};

constexpr size_t kGuard = 64;
constexpr float kGuardValue = 12345.0f;

uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
float float_of(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}
// The nearest bf16, ties to even.
float nearest_bf16(float x) { return float_of((bits_of(x) + 0x7fff + (bits_of(x) >> 16 & 1)) & 0xffff0000u); }

// A tensor with memory of its own.
struct Buffer {
  Tensor tensor;
  char* memory = nullptr;
  size_t count = 0;
  Buffer(Layout layout, std::vector<int64_t> shape, DType type = DType::f32) {
    tensor.layout = layout;
    tensor.dtype = type;
    tensor.rank = static_cast<int>(shape.size());
    for (size_t i = 0; i < shape.size(); ++i) tensor.shape[i] = shape[i];
    count = static_cast<size_t>(layout == Layout::features ? cpu::stored_elements(tensor) : tensor.elements());
    memory = static_cast<char*>(std::aligned_alloc(64, ((count + kGuard) * 4 + 63) / 64 * 64));
    clear();
    tensor.data = memory;
  }
  Buffer(const Buffer&) = delete;
  ~Buffer() { std::free(memory); }
  void clear() {
    for (size_t i = 0; i < count; ++i) put(i, NAN);
    for (size_t i = 0; i < kGuard; ++i) put(count + i, kGuardValue);
  }
  bool halves() const { return tensor.dtype == DType::bf16; }
  void put(size_t i, float x) {
    if (halves()) {
      const auto upper = static_cast<uint16_t>(bits_of(x) >> 16);
      std::memcpy(memory + i * 2, &upper, 2);
    } else {
      std::memcpy(memory + i * 4, &x, 4);
    }
  }
  float at(size_t i) const {
    if (!halves()) return tensor.f32()[i];
    uint16_t upper;
    std::memcpy(&upper, memory + i * 2, 2);
    return float_of(uint32_t{upper} << 16);
  }
  int64_t place(int64_t n, int64_t c, int64_t y, int64_t x) const {
    const int64_t b = cpu::block_of(tensor);
    return (((n * cpu::blocks_of(tensor) + c / b) * tensor.h() + y) * tensor.w() + x) * b + c % b;
  }
  // Writes values [N,C,H,W] (or dense), channel padding zero.
  void set(const Doubles& values) {
    if (tensor.layout != Layout::features) {
      for (size_t i = 0; i < count; ++i) put(i, static_cast<float>(values[i]));
      return;
    }
    std::memset(memory, 0, count * bytes_of(tensor.dtype));
    size_t i = 0;
    for (int64_t n = 0; n < tensor.n(); ++n)
      for (int64_t c = 0; c < tensor.c(); ++c)
        for (int64_t y = 0; y < tensor.h(); ++y)
          for (int64_t x = 0; x < tensor.w(); ++x) put(size_t(place(n, c, y, x)), static_cast<float>(values[i++]));
  }
  Doubles get() const {
    if (tensor.layout != Layout::features) return Doubles(tensor.f32(), tensor.f32() + count);
    Doubles values;
    for (int64_t n = 0; n < tensor.n(); ++n)
      for (int64_t c = 0; c < tensor.c(); ++c)
        for (int64_t y = 0; y < tensor.h(); ++y)
          for (int64_t x = 0; x < tensor.w(); ++x) values.push_back(at(size_t(place(n, c, y, x))));
    return values;
  }
  bool intact() const {
    for (size_t i = 0; i < kGuard; ++i)
      if (at(count + i) != (halves() ? float_of(bits_of(kGuardValue) & 0xffff0000u) : kGuardValue)) return false;
    if (tensor.layout != Layout::features) return true;
    double all = 0, logical = 0;
    for (size_t i = 0; i < count; ++i) all += std::fabs(at(i));
    for (double v : get()) logical += std::fabs(v);
    return std::fabs(all - logical) <= 1e-9 * std::fabs(all);
  }
};

struct Case {
  int64_t n, c, h, w, k, kernel;
  int stride, padding;
  Descriptor descriptor = Descriptor::vanilla;
  ConvAlgorithm algorithm = ConvAlgorithm::direct;
  DType type = DType::f32;
  int64_t out_h() const { return (h + 2 * padding - kernel) / stride + 1; }
  int64_t out_w() const { return (w + 2 * padding - kernel) / stride + 1; }
  int64_t products() const { return n * k * out_h() * out_w() * c * kernel * kernel; }
  std::string name() const {
    char text[160];
    std::snprintf(text, sizeof text, "n%ld c%ld %ldx%ld k%ld %ldx%ld s%d p%d descriptor %d algorithm %d%s", long(n), long(c),
                  long(h), long(w), long(k), long(kernel), long(kernel), stride, padding, int(descriptor), int(algorithm), type == DType::bf16 ? " bf16" : "");
    return text;
  }
};

bool in_sum(Descriptor d, int t) {
  if (d == Descriptor::ldc_cross) return t == 1 || t == 3 || t == 4 || t == 5 || t == 7;
  if (d == Descriptor::ldc_diagonal) return t == 0 || t == 2 || t == 4 || t == 6 || t == 8;
  return true;
}

// Everything the kernels take and give, as flat arrays [N,C,H,W] and so on.
struct Problem {
  Case shape;
  float constant = 0.7f;
  Doubles x, w, m, theta, bias, dy;         // given
  Doubles y, dx, dw, dm, dtheta, dbias;     // wanted
  Doubles y_sizes, dx_sizes;                // sums of the absolute values of the products

  bool has_mask() const { return shape.descriptor != Descriptor::vanilla && shape.descriptor != Descriptor::cdc; }
  bool has_theta() const { return has_mask() && shape.descriptor != Descriptor::ldc_paper; }

  double effective(int64_t pair, int t) const {
    const int64_t taps = shape.kernel * shape.kernel;
    const double value = w[pair * taps + t];
    if (shape.descriptor == Descriptor::vanilla) return value;
    if (shape.descriptor == Descriptor::ldc_paper) return value * ((1 - constant) + constant * m[pair * 9 + t]);
    if (t != 4) return value;
    double s = 0;
    for (int u = 0; u < 9; ++u) s += in_sum(shape.descriptor, u) ? w[pair * 9 + u] : 0;
    return shape.descriptor == Descriptor::cdc ? value - constant * s : value * (1 - theta[0] * m[pair] * s);
  }

  // A simple chain rule: d(effective[t]) / d(w[u]) by the product rule, written apart from the kernels' form of it.
  void descriptor_gradients(const Doubles& g) {
    const int64_t pairs = shape.k * shape.c, taps = shape.kernel * shape.kernel;
    dw.assign(w.size(), 0), dm.assign(m.size(), 0), dtheta.assign(theta.size(), 0);
    for (int64_t p = 0; p < pairs; ++p) {
      double s = 0;
      if (shape.descriptor != Descriptor::vanilla)
        for (int u = 0; u < 9; ++u) s += in_sum(shape.descriptor, u) ? w[p * 9 + u] : 0;
      for (int64_t t = 0; t < taps; ++t) {
        const double gt = g[p * taps + t], value = w[p * taps + t];
        switch (shape.descriptor) {
          case Descriptor::vanilla: dw[p * taps + t] += gt; break;
          case Descriptor::ldc_paper:
            dw[p * 9 + t] += gt * (1 - constant + constant * m[p * 9 + t]);
            dm[p * 9 + t] += gt * value * constant;
            break;
          case Descriptor::cdc:
            dw[p * 9 + t] += gt;
            if (t == 4)
              for (int u = 0; u < 9; ++u) dw[p * 9 + u] -= gt * constant;
            break;
          default:
            if (t != 4) {
              dw[p * 9 + t] += gt;
              break;
            }
            dw[p * 9 + 4] += gt * (1 - theta[0] * m[p] * s);
            for (int u = 0; u < 9; ++u)
              if (in_sum(shape.descriptor, u)) dw[p * 9 + u] += -gt * value * theta[0] * m[p];
            dm[p] += -gt * value * theta[0] * s;
            dtheta[0] += -gt * value * m[p] * s;
        }
      }
    }
  }

  explicit Problem(const Case& c) : shape(c) {
    Random random;
    random.state += static_cast<uint64_t>(c.c * 7919 + c.k * 104729 + c.h * 31 + c.kernel);
    auto draw = [&](int64_t count, double scale, double offset, bool rectify = false, DType type = DType::f32) {
      Doubles v(static_cast<size_t>(count));
      for (double& e : v) {
        e = static_cast<float>(offset + scale * random.normal());
        if (rectify && e < 0) e = 0;
        if (type == DType::bf16) e = nearest_bf16(float(e));
      }
      return v;
    };
    const int64_t oh = c.out_h(), ow = c.out_w(), taps = c.kernel * c.kernel;
    x = draw(c.n * c.c * c.h * c.w, 1, 0, true, c.type);
    w = draw(c.k * c.c * taps, std::sqrt(2.0 / double(c.c * taps)), 0);
    if (has_mask()) m = draw(c.descriptor == Descriptor::ldc_paper ? c.k * c.c * 9 : c.k * c.c, 0.2, 1);
    if (has_theta()) theta = draw(1, 0.1, 0.5);
    bias = draw(c.k, 1, 0);
    dy = draw(c.n * c.k * oh * ow, 1, 0, false, c.type);
    y.assign(dy.size(), 0), dx.assign(x.size(), 0), y_sizes = y, dx_sizes = dx, dbias.assign(bias.size(), 0);
    Doubles g(w.size(), 0);
    for (int64_t n = 0; n < c.n; ++n)
      for (int64_t k = 0; k < c.k; ++k)
        for (int64_t oy = 0; oy < oh; ++oy)
          for (int64_t ox = 0; ox < ow; ++ox) {
            const size_t out = size_t(((n * c.k + k) * oh + oy) * ow + ox);
            y[out] += bias[size_t(k)], dbias[size_t(k)] += dy[out];
          }
    for (int64_t k = 0; k < c.k; ++k)
      for (int64_t i = 0; i < c.c; ++i)
        for (int64_t ky = 0; ky < c.kernel; ++ky)
          for (int64_t kx = 0; kx < c.kernel; ++kx) {
            const int64_t pair = k * c.c + i, t = ky * c.kernel + kx;
            const double weight = effective(pair, int(t));
            double sum = 0;
            for (int64_t n = 0; n < c.n; ++n)
              for (int64_t oy = 0; oy < oh; ++oy) {
                const int64_t iy = oy * c.stride + ky - c.padding;
                if (iy < 0 || iy >= c.h) continue;
                for (int64_t ox = 0; ox < ow; ++ox) {
                  const int64_t ix = ox * c.stride + kx - c.padding;
                  if (ix < 0 || ix >= c.w) continue;
                  const size_t in = size_t(((n * c.c + i) * c.h + iy) * c.w + ix);
                  const size_t out = size_t(((n * c.k + k) * oh + oy) * ow + ox);
                  y[out] += weight * x[in];
                  dx[in] += weight * dy[out];
                  y_sizes[out] += std::fabs(weight * x[in]), dx_sizes[in] += std::fabs(weight * dy[out]);
                  sum += x[in] * dy[out];
                }
              }
            g[size_t(pair * taps + t)] = sum;
          }
    descriptor_gradients(g);
  }
};

struct Result {
  Doubles y, y_bias, dx, dw, dm, dtheta, dbias;
  std::vector<const Doubles*> all() const { return {&y, &y_bias, &dx, &dw, &dm, &dtheta, &dbias}; }
};

void fail(const std::string& where, const char* what) {
  std::printf("FAIL %s: %s\n", where.c_str(), what);
  ++failures;
}

Result run(const Problem& p, Kernels& kernels, const std::string& where) {
  const Case& c = p.shape;
  const Conv2d conv{c.h, c.w, c.stride, c.padding, c.algorithm, c.descriptor, p.constant, c.type};
  const int64_t oh = c.out_h(), ow = c.out_w();
  Buffer x(Layout::features, {c.n, c.c, c.h, c.w}, c.type);
  Buffer y(Layout::features, {c.n, c.k, oh, ow}, c.type), y_bias(Layout::features, {c.n, c.k, oh, ow}, c.type);
  Buffer dx(Layout::features, {c.n, c.c, c.h, c.w}, c.type), dy(Layout::features, {c.n, c.k, oh, ow}, c.type);
  Buffer w(Layout::dense, {c.k, c.c, c.kernel, c.kernel}), dw(Layout::dense, {c.k, c.c, c.kernel, c.kernel});
  std::vector<int64_t> mask{c.k, c.c};
  if (c.descriptor == Descriptor::ldc_paper) mask = {c.k, c.c, 3, 3};
  Buffer m(Layout::dense, mask), dm(Layout::dense, mask), theta(Layout::dense, {1}), dtheta(Layout::dense, {1});
  Buffer bias(Layout::dense, {c.k}), dbias(Layout::dense, {c.k});
  x.set(p.x), dy.set(p.dy), w.set(p.w), bias.set(p.bias);
  if (p.has_mask()) m.set(p.m);
  if (p.has_theta()) theta.set(p.theta);
  const Tensor none, mt = p.has_mask() ? m.tensor : none, tt = p.has_theta() ? theta.tensor : none;
  Buffer forward(Layout::packed, {kernels.conv2d_packed_elements(conv, c.k, c.c, c.kernel, ConvPass::forward)});
  Buffer backward(Layout::packed, {kernels.conv2d_packed_elements(conv, c.k, c.c, c.kernel, ConvPass::data_grad)});
  kernels.conv2d_pack(conv, w.tensor, mt, tt, ConvPass::forward, forward.tensor);
  kernels.conv2d_pack(conv, w.tensor, mt, tt, ConvPass::data_grad, backward.tensor);
  kernels.conv2d_forward(conv, x.tensor, forward.tensor, c.kernel, none, y.tensor);
  kernels.conv2d_forward(conv, x.tensor, forward.tensor, c.kernel, bias.tensor, y_bias.tensor);
  kernels.conv2d_data_grad(conv, dy.tensor, backward.tensor, c.kernel, dx.tensor);
  kernels.conv2d_weight_grad(conv, x.tensor, dy.tensor, w.tensor, mt, tt, dw.tensor, p.has_mask() ? dm.tensor : none,
                             p.has_theta() ? dtheta.tensor : none, dbias.tensor);
  for (const Buffer* b : {&y, &y_bias, &dx, &dw, &dm, &dtheta, &dbias, &forward, &backward})
    if (!b->intact()) fail(where, "wrote beside its output, or channel padding is not zero");
  return {y.get(), y_bias.get(), dx.get(), dw.get(), p.has_mask() ? dm.get() : Doubles(),
          p.has_theta() ? dtheta.get() : Doubles(), dbias.get()};
}

struct Error {
  double largest = 0, relative_l2 = 0, limit = 0;  // largest in units of the limit
};

// Direct: largest error against 1e-6 + 1e-5 x the largest value. Winograd: against 1e-4 of the root mean square.
Error compare(const Doubles& got, const Doubles& want, bool direct) {
  double worst = 0, top = 0, error2 = 0, want2 = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double e = std::fabs(got[i] - want[i]);
    worst = e <= worst ? worst : e;  // a NaN stays
    if (std::isnan(e)) worst = INFINITY;
    top = std::fmax(top, std::fabs(want[i]));
    error2 += e * e, want2 += want[i] * want[i];
  }
  if (want.empty()) return {};
  const double rms = std::sqrt(want2 / double(want.size()));
  const double limit = direct ? 1e-6 + 1e-5 * top : 1e-4 * rms + 1e-30;
  return {worst / limit, std::sqrt(error2 / (want2 + 1e-300)), limit};
}

// With features in bf16 the weights are rounded to it, by at most u = 2^-8 of themselves, then the sum is (docs/cuda.md, limits of bf16).
// An element may be off by the float32 limit plus that; the error in units of what it may be.
double bf16_error(const Doubles& got, const Doubles& want, const Doubles& sizes) {
  constexpr double u = 1.0 / 256;
  const double float_limit = compare(got, want, true).limit;
  double worst = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double limit = float_limit + u * sizes[i] + u * (std::fabs(want[i]) + u * sizes[i]);
    const double error = std::fabs(got[i] - want[i]) / limit;
    if (!(error <= worst)) worst = std::isnan(error) ? INFINITY : error;
  }
  return worst;
}

// Results of instruction sets that must have the same bits, the first against what is wanted.
void check(const Case& c, std::initializer_list<cpu::Isa> isas, bool verbose) {
  const Problem problem(c);
  Doubles want_y = problem.y;
  for (size_t i = 0; i < want_y.size(); ++i)
    want_y[i] -= problem.bias[i / size_t(c.out_h() * c.out_w()) % size_t(c.k)];
  const Result want{want_y, problem.y, problem.dx, problem.dw, problem.dm, problem.dtheta, problem.dbias};
  const char* names[] = {"y", "y with bias", "dx", "dw", "dm", "dtheta", "dbias"};
  const bool halves = c.type == DType::bf16;
  Result first;
  bool have = false;
  for (cpu::Isa isa : isas) {
    if (!cpu::supported(isa)) continue;
    const bool slow = isa == cpu::Isa::scalar || isa == cpu::Isa::emulated_amx;
    for (int threads : {1, 2, 3, 5}) {
      if (slow && threads != 2 && !(c.products() < 100'000 && threads == 5)) continue;
      cpu::Pool pool(threads);
      cpu::Scratch scratch;
      const std::string where = c.name() + " " + cpu::name_of(isa) + " threads " + std::to_string(threads);
      const auto kernels = cpu::make_kernels(isa, pool, scratch);
      Result got = run(problem, *kernels, where);
      if (!have) {
        for (size_t i = 0; i < 7; ++i) {
          Error e = compare(*got.all()[i], *want.all()[i], c.algorithm == ConvAlgorithm::direct || (halves && i < 3));
          if (halves && i < 3) e.largest = bf16_error(*got.all()[i], *want.all()[i], i < 2 ? problem.y_sizes : problem.dx_sizes);
          if (!(e.largest <= 1)) {
            fail(where, (std::string(names[i]) + " is off by " + std::to_string(e.largest) + " limits").c_str());
          }
          if (verbose && !want.all()[i]->empty()) {
            std::printf("  %-12s %.3f of the limit, relative L2 %.2e\n", names[i], e.largest, e.relative_l2);
          }
        }
        first = std::move(got);
        have = true;
        continue;
      }
      for (size_t i = 0; i < 7; ++i) {
        const Doubles &a = *first.all()[i], &b = *got.all()[i];
        if (a.size() != b.size() || (!a.empty() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) != 0))
          fail(where, (std::string(names[i]) + " differs between instruction sets or thread counts").c_str());
      }
    }
  }
}

// Products of single tiles, the processor's against the emulated ones, bit by bit: numbers of all sizes, denormal ones and
// sums that nearly vanish among them, and what is rounded to bf16 of them. Any NaN is as good as another.
void check_tiles() {
  if (!cpu::supported(cpu::Isa::amx)) {
    std::printf("amx: %s; its code ran on the emulated tiles alone\n", cpu::hindrance(cpu::Isa::amx).c_str());
    return;
  }
  cpu::Pool pool(1);
  cpu::Scratch scratch;
  const auto real = cpu::make_tiles(cpu::Isa::amx, pool, scratch), emulated = cpu::make_tiles(cpu::Isa::emulated_amx, pool, scratch);
  Random random;
  alignas(64) uint16_t a[512], b[512];
  alignas(64) float c[256], mine[256];
  for (int turn = 0; turn < 600; ++turn) {
    // By turns: any bits; ordinary numbers; products about the least normal number.
    const int kind = turn % 3;
    auto number = [&](double exponent) {
      if (kind == 0) return static_cast<float>(float_of(uint32_t(random.uniform() * 4294967296.0)));
      return static_cast<float>(random.normal() * std::pow(2.0, exponent));
    };
    for (uint16_t& x : a) x = static_cast<uint16_t>(bits_of(number(kind == 2 ? -63 : 0)) >> 16);
    for (uint16_t& x : b) x = static_cast<uint16_t>(bits_of(number(kind == 2 ? -64 + int(random.uniform() * 5) : 0)) >> 16);
    for (int i = 0; i < 256; ++i) c[i] = mine[i] = number(kind == 2 ? -126 : 2);
    real->multiply_tiles(a, b, c);
    emulated->multiply_tiles(a, b, mine);
    for (int i = 0; i < 256; ++i) {
      if (bits_of(c[i]) == bits_of(mine[i]) || (std::isnan(c[i]) && std::isnan(mine[i]))) continue;
      std::printf("kind %d: %a, emulated %a\n", kind, double(c[i]), double(mine[i]));
      return fail("tiles", "the processor's product and the emulated one differ");
    }
  }
}

// Halves by definition: whole multiples of the last place, which is 2^-24 at least; the nearest one, ties to even. (The processor's own
// conversions are compared with these by the cases.)
void check_halves() {
  using namespace cpu::portable;
  const auto last_place = [](double x) { return std::ldexp(1.0, std::max(x == 0 ? -14 : std::ilogb(x), -14) - 10); };
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const uint32_t exponent = bits >> 10, mantissa = bits & 0x3ff;
    const double want = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, int(exponent) - 25);
    for (uint16_t sign : {uint16_t(0), uint16_t(0x8000)}) {
      const Half half{static_cast<uint16_t>(sign | bits)};
      const float x = widened(half);
      if (double(x) != (sign != 0 ? -want : want) || to_half(x).bits != half.bits) return fail("halves", "a half is not what its bits say");
    }
  }
  Random random;
  for (int turn = 0; turn < 400'000; ++turn) {
    float x = static_cast<float>(random.normal() * std::pow(2.0, 44 * random.uniform() - 28));
    if (turn % 2 == 0) x = float_of((bits_of(x) & 0xffffe000u) | 0x1000);  // a tie
    const double nearest = std::nearbyint(double(x) / last_place(x)) * last_place(x);
    const Half half = to_half(x);
    if (std::fabs(nearest) >= 65536 ? (half.bits & 0x7fff) != 0x7c00 : double(widened(half)) != nearest) {
      std::printf("%a: %a, not %a\n", double(x), double(widened(half)), nearest);
      return fail("halves", "not the nearest");
    }
  }
  if (widened(to_half(INFINITY)) != INFINITY || !std::isnan(widened(to_half(NAN)))) fail("halves", "no infinity or no NaN");
}

// Weights of whatever size: times a power of two they give outputs times that, to the bit.
void check_scaled() {
  for (ConvAlgorithm algorithm : {ConvAlgorithm::direct, ConvAlgorithm::winograd_f2, ConvAlgorithm::winograd_f4}) {
    Case c{2, 48, 12, 12, 32, 3, 1, 1};
    c.type = DType::bf16;
    c.algorithm = algorithm;
    const Problem problem(c);
    cpu::Pool pool(2);
    cpu::Scratch scratch;
    const auto kernels = cpu::make_kernels(cpu::choose_isa(), pool, scratch);
    const Result plain = run(problem, *kernels, c.name());
    for (double factor : {std::ldexp(1.0, 60), std::ldexp(1.0, -60)}) {
      Problem scaled = problem;
      for (double& w : scaled.w) w *= factor;
      const Result got = run(scaled, *kernels, c.name());
      bool same = true;
      for (size_t i = 0; i < plain.y.size(); ++i) same &= got.y[i] == plain.y[i] * factor;
      for (size_t i = 0; i < plain.dx.size(); ++i) same &= got.dx[i] == plain.dx[i] * factor;
      if (!same) fail(c.name(), "weights times a power of two do not give outputs times it");
    }
  }
}

// The weight gradient of a vanilla convolution as plain sequential float32 sums.
Doubles sequential_dw(const Problem& p) {
  const Case& c = p.shape;
  const std::vector<float> x(p.x.begin(), p.x.end()), dy(p.dy.begin(), p.dy.end());
  Doubles dw;
  for (int64_t k = 0; k < c.k; ++k)
    for (int64_t i = 0; i < c.c; ++i)
      for (int64_t t = 0; t < 9; ++t) {
        float sum = 0;
        for (int64_t n = 0; n < c.n; ++n)
          for (int64_t y = std::max<int64_t>(0, 1 - t / 3); y < std::min(c.h, c.h + 1 - t / 3); ++y)
            for (int64_t z = std::max<int64_t>(0, 1 - t % 3); z < std::min(c.w, c.w + 1 - t % 3); ++z)
              sum += x[size_t(((n * c.c + i) * c.h + y + t / 3 - 1) * c.w + z + t % 3 - 1)] *
                     dy[size_t(((n * c.k + k) * c.h + y) * c.w + z)];
        dw.push_back(sum);
      }
  return dw;
}

// Rounding errors of the network's layers, small batch: Winograd's must stay within three times those of plain sequential
// float32 sums (which the direct kernels are for y and dx; their dw is better than that).
void check_accuracy() {
  const Case layers[] = {{2, 64, 64, 64, 64, 3, 1, 1}, {4, 128, 32, 32, 128, 3, 1, 1}, {6, 256, 16, 16, 256, 3, 1, 1},
                         {8, 512, 8, 8, 512, 3, 1, 1}, {2, 448, 32, 32, 128, 3, 1, 1}, {4, 128, 32, 32, 64, 3, 1, 1}};
  cpu::Pool pool(2);
  cpu::Scratch scratch;
  const auto kernels = cpu::make_kernels(cpu::choose_isa(), pool, scratch);
  for (Case c : layers) {
    Problem problem(c);
    std::printf("%s\n", c.name().c_str());
    problem.shape.algorithm = ConvAlgorithm::direct;
    const Result direct = run(problem, *kernels, c.name());
    const Doubles plain_dw = sequential_dw(problem);
    std::printf("  dw of the direct kernel: relative L2 %.2e\n", compare(direct.dw, problem.dw, false).relative_l2);
    for (ConvAlgorithm algorithm : {ConvAlgorithm::winograd_f2, ConvAlgorithm::winograd_f4}) {
      problem.shape.algorithm = algorithm;
      const Result winograd = run(problem, *kernels, c.name());
      const char* names[] = {"y", "dx", "dw"};
      const Doubles* pairs[][3] = {{&direct.y_bias, &winograd.y_bias, &problem.y}, {&direct.dx, &winograd.dx, &problem.dx},
                                   {&plain_dw, &winograd.dw, &problem.dw}};
      for (int i = 0; i < 3; ++i) {
        const Error d = compare(*pairs[i][0], *pairs[i][2], false), e = compare(*pairs[i][1], *pairs[i][2], false);
        std::printf("  %-4s relative L2: plain %.2e, F(%s) %.2e (%.2f times); largest %.2e and %.2e of the rms\n", names[i],
                    d.relative_l2, algorithm == ConvAlgorithm::winograd_f2 ? "2x2" : "4x4", e.relative_l2,
                    e.relative_l2 / d.relative_l2, d.largest * 1e-4, e.largest * 1e-4);
        if (!(e.largest <= 1)) fail(c.name(), "Winograd error above 1e-4 of the rms");
        if (!(e.relative_l2 <= 3 * d.relative_l2)) fail(c.name(), "Winograd error above three times the plain sum's");
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const bool verbose = mode == "-v";
  if (mode == "accuracy") {
    check_accuracy();
    return failures == 0 ? 0 : 1;
  }
  std::vector<Case> cases;
  auto add = [&](Case c, ConvAlgorithm algorithm, bool descriptors) {
    c.algorithm = algorithm;
    cases.push_back(c);
    for (Descriptor d :
         {Descriptor::ldc, Descriptor::ldc_paper, Descriptor::cdc, Descriptor::ldc_cross, Descriptor::ldc_diagonal})
      if (descriptors) c.descriptor = d, cases.push_back(c);
  };
  // n, c, h, w, k, kernel, stride, padding
  const Case shapes[] = {
      {2, 3, 7, 6, 5, 1, 1, 0},     {1, 4, 7, 9, 6, 1, 2, 0},     {3, 3, 7, 5, 4, 3, 1, 1},     {2, 5, 9, 8, 7, 3, 2, 1},
      {1, 3, 15, 13, 8, 7, 2, 3},   {1, 2, 1, 1, 3, 3, 1, 1},     {2, 16, 8, 8, 16, 3, 1, 1},   {1, 1, 5, 5, 1, 3, 1, 1},
      {2, 20, 6, 7, 33, 3, 1, 1},   {1, 64, 9, 11, 80, 3, 2, 1},  {1, 80, 8, 8, 144, 3, 1, 1},  {2, 64, 12, 10, 1, 3, 1, 1},
      {1, 33, 7, 7, 3, 3, 2, 1},    {2, 3, 33, 31, 64, 7, 2, 3},  {1, 40, 13, 9, 24, 5, 3, 2},  {1, 17, 10, 10, 18, 3, 1, 0},
      {1, 19, 11, 12, 2, 7, 2, 3},  {2, 64, 10, 6, 128, 1, 2, 0}, {1, 130, 5, 6, 70, 1, 1, 0},  {1, 6, 9, 9, 5, 2, 2, 0},
      {1, 5, 6, 5, 7, 3, 1, 2},     {1, 8, 7, 7, 9, 1, 3, 1},     {1, 32, 40, 66, 48, 3, 1, 1}, {3, 3, 64, 70, 17, 3, 2, 1},
      {1, 16, 3, 300, 17, 3, 1, 1}, {1, 9, 4, 4, 9, 4, 1, 0},     {2, 5, 4, 1, 6, 3, 2, 1},     {1, 70, 20, 600, 4, 3, 2, 1}};
  for (const Case& c : shapes) add(c, ConvAlgorithm::direct, c.kernel == 3 && c.c * c.h * c.w < 12000);
  for (const Case& c : shapes) add(c, ConvAlgorithm::automatic, false);
  const Case tiled[] = {{2, 16, 8, 8, 16, 3, 1, 1},   {1, 32, 7, 9, 48, 3, 1, 1},      {3, 48, 12, 12, 32, 3, 1, 1},
                        {1, 16, 1, 1, 16, 3, 1, 1},   {1, 80, 5, 2, 16, 3, 1, 1},      {7, 64, 4, 4, 64, 3, 1, 1},
                        {5, 32, 32, 32, 32, 3, 1, 1}, {2, 128, 16, 16, 144, 3, 1, 1},  {1, 256, 8, 8, 80, 3, 1, 1},
                        {2, 448, 10, 12, 16, 3, 1, 1}, {1, 16, 20, 70, 112, 3, 1, 1}};
  for (const Case& c : tiled) {
    add(c, ConvAlgorithm::winograd_f4, c.c * c.k * c.h < 8192);
    add(c, ConvAlgorithm::winograd_f2, c.c * c.k * c.h < 2048);
    if (c.c >= 32 && c.k >= 32) add(c, ConvAlgorithm::automatic, false), add(c, ConvAlgorithm::direct, false);
  }
  // Outputs so large that they are stored past the cache.
  add({1, 3, 264, 256, 64, 3, 1, 1}, ConvAlgorithm::direct, false);
  add({1, 64, 264, 256, 16, 3, 2, 1}, ConvAlgorithm::direct, false);
  add({1, 16, 264, 256, 64, 3, 1, 1}, ConvAlgorithm::winograd_f2, false);
  add({1, 16, 264, 256, 64, 3, 1, 1}, ConvAlgorithm::winograd_f4, false);
  add({1, 64, 264, 257, 16, 3, 1, 1}, ConvAlgorithm::winograd_f4, false);
  // The same in bf16. Rows put together from several images, with images left over; halos too large for one band.
  std::vector<Case> halves;
  for (Case c : cases) {
    if (c.products() > 4'000'000) continue;
    c.type = DType::bf16;
    halves.push_back(c);
  }
  for (Case c : {Case{19, 32, 8, 8, 16, 3, 1, 1}, Case{3, 32, 16, 16, 64, 3, 1, 1}, Case{5, 32, 7, 5, 32, 3, 2, 1},
                 Case{1, 448, 26, 32, 6, 3, 1, 1}, Case{1, 64, 32, 32, 48, 3, 2, 1}, Case{1, 32, 64, 64, 16, 3, 1, 1}}) {
    c.type = DType::bf16;
    halves.push_back(c);
  }
  // Stored past the cache.
  for (Case c : {Case{1, 3, 264, 256, 128, 3, 1, 1}, Case{1, 16, 264, 256, 128, 3, 1, 1}}) {
    c.type = DType::bf16;
    c.algorithm = ConvAlgorithm::automatic;
    halves.push_back(c);
  }
  if (mode == "small") {
    for (auto* all : {&cases, &halves}) std::erase_if(*all, [](const Case& c) { return c.products() > 2'000'000; });
  }
  for (const Case& c : cases) {
    if (verbose) std::printf("%s\n", c.name().c_str());
    check(c, {cpu::Isa::avx512, cpu::Isa::avx2, cpu::Isa::scalar}, verbose);
  }
  for (const Case& c : halves) {
    if (verbose) std::printf("%s\n", c.name().c_str());
    if (c.algorithm == ConvAlgorithm::direct) check(c, {cpu::Isa::amx, cpu::Isa::emulated_amx}, verbose);  // the only one on tiles
    check(c, {cpu::Isa::avx512, cpu::Isa::avx2, cpu::Isa::scalar}, false);
  }
  check_tiles();
  check_halves();
  check_scaled();
  std::printf("%zu cases, %d failures\n", cases.size() + halves.size(), failures);
  return failures == 0 ? 0 : 1;
}
