// Batch normalisation (Ioffe & Szegedy, 2015) with the residual addition and the ReLU that follow it fused in.
//
// Saved for the backward pass: mean and inverse standard deviation of each channel; the normalised values are recomputed
// from x, and the ReLU's mask is read off the output. Training reads x twice forward and twice backward.
//
// Sums: each (image, channel block) plane is summed in runs of 256 pixels in float32, about the run's own mean, so that
// E[x^2] - E[x]^2 never cancels; runs, and then images in order, are added in double.
#include <cmath>

#include "../cpu_kernels.h"
#include "loops.h"
#include "sums.h"

namespace ldc::cpu::LDC_ISA {

namespace {

// Two sums for each channel of a plane, in double.
template <class L>
struct PlaneSums {
  double first[L::kLanes], second[L::kLanes];
};

// Sums over the batch of channel c of x, image by image.
template <class L>
inline void batch_sums(const PlaneSums<L>* planes, const Tensor& x, int64_t c, double& first, double& second) {
  const int64_t images = x.n(), blocks = blocks_of(x), block = c / block_of(x), lane = c % block_of(x);
  first = second = 0;
  for (int64_t n = 0; n < images; ++n) {
    first += planes[n * blocks + block].first[lane];
    second += planes[n * blocks + block].second[lane];
  }
}

// Adds the sum and the sum of squares of n pixels, n <= kRun. The second look at the run comes from the L1 cache.
template <class Lanes, class T, class L = typename Lanes::L>
inline void add_moments(const Lanes& lanes, const T* x, int64_t n, PlaneSums<L>& sums) {
  const L centre = run_sum(lanes, x, n) * L::all(1.0f / static_cast<float>(n));
  L s[kWays], q[kWays];
  for (int u = 0; u < kWays; ++u) s[u] = q[u] = L::zero();
  int64_t i = 0;
  const auto take = [&](int64_t pixel, int way) {
    const L d = lanes.load(x + pixel * lanes.size()) - centre;
    s[way] = s[way] + d;
    q[way] = fma(d, d, q[way]);
  };
  for (; i + kWays <= n; i += kWays) {
    for (int u = 0; u < kWays; ++u) take(i + u, u);
  }
  for (; i < n; ++i) take(i, 0);
  float m[L::kLanes], sum[L::kLanes], square[L::kLanes];
  centre.store(m);
  sum_of_ways(s).store(sum);
  sum_of_ways(q).store(square);
  const double count = static_cast<double>(n);
  for (int l = 0; l < L::kLanes; ++l) {
    const double mean = m[l], d = sum[l];
    sums.first[l] += count * mean + d;
    sums.second[l] += square[l] + mean * (2 * d + count * mean);
  }
}

// y = max((x - mean) factor + offset + residual, least) over one plane of n elements; residual may be null.
template <class Lanes, class T, class L = typename Lanes::L>
inline void normalise(const Lanes& lanes, const T* x, const T* residual, int64_t n, L mean, L factor, L offset, float least, T* y) {
  const L floor = L::all(least);
  for (int64_t i = 0; i < n; i += lanes.size()) {
    L value = fma(lanes.load(x + i) - mean, factor, offset);
    if (residual != nullptr) value = value + lanes.load(residual + i);
    lanes.store(max(floor, value), y + i);
  }
}

// The gradient behind the ReLU: dy where the output was positive. y may be null: no ReLU.
template <class Lanes, class T>
inline typename Lanes::L masked(const Lanes& lanes, const T* y, const T* dy, int64_t at) {
  const auto g = lanes.load(dy + at);
  return y == nullptr ? g : where_positive(lanes.load(y + at), g);
}

// Adds the sums of g = masked dy and of g (x - mean) over n pixels, n <= kRun, and writes g to `masked_dy` unless that is
// null.
template <class Lanes, class T, class L = typename Lanes::L>
inline void add_gradient_sums(const Lanes& lanes, const T* x, const T* y, const T* dy, int64_t n, L mean, T* masked_dy,
                              PlaneSums<L>& sums) {
  L s[kWays], q[kWays];
  for (int u = 0; u < kWays; ++u) s[u] = q[u] = L::zero();
  const auto take = [&](int64_t pixel, int way) {
    const int64_t at = pixel * lanes.size();
    const L g = masked(lanes, y, dy, at);
    if (masked_dy != nullptr) lanes.store(g, masked_dy + at);
    s[way] = s[way] + g;
    q[way] = fma(g, lanes.load(x + at) - mean, q[way]);
  };
  int64_t i = 0;
  for (; i + kWays <= n; i += kWays) {
    for (int u = 0; u < kWays; ++u) take(i + u, u);
  }
  for (; i < n; ++i) take(i, 0);
  add_lanes(sums.first, sum_of_ways(s));
  add_lanes(sums.second, sum_of_ways(q));
}

// dx = of_g g + of_x (x - mean) + one over one plane of n elements, g = masked dy.
template <class Lanes, class T, class L = typename Lanes::L>
inline void input_gradient(const Lanes& lanes, const T* x, const T* y, const T* dy, int64_t n, L mean, L of_g, L of_x, L one, T* dx) {
  for (int64_t i = 0; i < n; i += lanes.size()) {
    lanes.store(fma(of_g, masked(lanes, y, dy, i), fma(of_x, lanes.load(x + i) - mean, one)), dx + i);
  }
}

// The address `at` elements further, or null where there is no array.
template <class T>
inline T* offset(T* p, int64_t at) {
  return p == nullptr ? nullptr : p + at;
}

}  // namespace

void CpuKernels::batch_norm_moments(const Tensor& x, float eps, float momentum, const Tensor& mean, const Tensor& inv_std,
                                    const Tensor& running_mean, const Tensor& running_var) {
  const int64_t channels = x.c(), images = x.n(), pixels = x.h() * x.w(), block = block_of(x), planes = images * blocks_of(x);
  with_type(x, [&]<class T>(const T* in) {
    using Sums = PlaneSums<Line<T>>;
    auto* sums = static_cast<Sums*>(scratch_.get(static_cast<size_t>(planes) * sizeof(Sums)));
    with_lanes<T>(block, nullptr, 0, [&](auto lanes) {
      each_item(pool_, planes, pixels * block, [&](int64_t item) {
        Sums total = {};
        for (int64_t i = 0; i < pixels; i += kRun) {
          add_moments(lanes, in + (item * pixels + i) * block, least(kRun, pixels - i), total);
        }
        sums[item] = total;
      });
    });
    const double count = static_cast<double>(images * pixels), unbiased = count / (count > 1 ? count - 1 : 1);
    for (int64_t c = 0; c < channels; ++c) {
      double sum, square;
      batch_sums(sums, x, c, sum, square);
      const double centre = sum / count, var = square / count - centre * centre, variance = var > 0 ? var : 0;
      mean.f32()[c] = static_cast<float>(centre);
      inv_std.f32()[c] = static_cast<float>(1 / std::sqrt(variance + eps));
      float &rm = running_mean.f32()[c], &rv = running_var.f32()[c];
      const double keep = 1.0 - momentum;
      rm = static_cast<float>(keep * rm + momentum * centre);
      rv = static_cast<float>(keep * rv + momentum * (variance * unbiased));
    }
  });
}

void CpuKernels::batch_norm_inv_std(const Tensor& var, float eps, const Tensor& inv_std) {
  for (int64_t c = 0; c < var.elements(); ++c) {
    inv_std.f32()[c] = static_cast<float>(1 / std::sqrt(static_cast<double>(var.f32()[c]) + eps));
  }
}

void CpuKernels::batch_norm_forward(const Tensor& x, const Tensor& mean, const Tensor& inv_std, const Tensor& gamma,
                                    const Tensor& beta, const Tensor& residual, bool relu, const Tensor& y) {
  const int64_t channels = x.c(), blocks = blocks_of(x), block = block_of(x), plane = x.h() * x.w() * block;
  with_type(y, [&]<class T>(T* out) {
    const T *in = x.as<T>(), *added = residual.as<T>();
    with_lanes(block, out, stored_elements(y), [&](auto lanes) {
      each_item(pool_, x.n() * blocks, plane, [&](int64_t item) {
        const auto of_block = [&](const Tensor& t) { return load_channels<T>(t.f32(), item % blocks, channels); };
        normalise(lanes, in + item * plane, offset(added, item * plane), plane, of_block(mean), of_block(inv_std) * of_block(gamma),
                  of_block(beta), relu ? 0.0f : -INFINITY, out + item * plane);
        lanes.finish();
      });
    });
  });
}

// With g = masked dy, x^ = (x - mean) inv_std and M pixels a channel:
//   dbeta = sum g,  dgamma = sum g x^,  dx = gamma inv_std (g - dbeta / M - x^ dgamma / M)
// First pass: both sums, and the residual's gradient g, which the second pass then reads instead of y and dy.
void CpuKernels::batch_norm_backward(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& mean,
                                     const Tensor& inv_std, const Tensor& gamma, bool training, const Tensor& dx,
                                     const Tensor& dresidual, const Tensor& dgamma, const Tensor& dbeta) {
  const int64_t channels = x.c(), images = x.n(), pixels = x.h() * x.w();
  const int64_t block = block_of(x), blocks = blocks_of(x), planes = images * blocks, plane = pixels * block;
  with_type(dx, [&]<class T>(T* out) {
    using Sums = PlaneSums<Line<T>>;
    auto* sums = static_cast<Sums*>(
        scratch_.get(static_cast<size_t>(planes) * sizeof(Sums) + static_cast<size_t>(blocks * block) * 3 * sizeof(float)));
    float* factors = reinterpret_cast<float*>(sums + planes);  // of g, of x - mean, and 1
    const T *in = x.as<T>(), *upstream = dy.as<T>(), *output = y.as<T>();
    T* skip = dresidual.as<T>();

    with_lanes(block, skip, stored_elements(x), [&](auto lanes) {
      each_item(pool_, planes, plane, [&](int64_t item) {
        const auto m = load_channels<T>(mean.f32(), item % blocks, channels);
        Sums total = {};
        for (int64_t i = 0; i < pixels; i += kRun) {
          const int64_t at = item * plane + i * block;
          add_gradient_sums(lanes, in + at, offset(output, at), upstream + at, least(kRun, pixels - i), m, offset(skip, at), total);
        }
        lanes.finish();
        sums[item] = total;
      });
    });

    const double count = static_cast<double>(images * pixels);
    for (int64_t c = 0; c < channels; ++c) {
      double sum, product;
      batch_sums(sums, x, c, sum, product);
      const double inv = inv_std.f32()[c], factor = gamma.f32()[c] * inv;
      dbeta.f32()[c] = static_cast<float>(sum);
      dgamma.f32()[c] = static_cast<float>(product * inv);
      factors[c] = static_cast<float>(factor);
      factors[channels + c] = training ? static_cast<float>(-factor * inv * inv * product / count) : 0.0f;
      factors[2 * channels + c] = training ? static_cast<float>(-factor * sum / count) : 0.0f;
    }

    const T* gradient = skip != nullptr ? skip : upstream;
    const T* mask = skip != nullptr ? nullptr : output;
    with_lanes(block, out == upstream ? nullptr : out, stored_elements(x), [&](auto lanes) {
      each_item(pool_, planes, plane, [&](int64_t item) {
        const int64_t at = item * plane;
        const auto of_block = [&](const float* values) { return load_channels<T>(values, item % blocks, channels); };
        input_gradient(lanes, in + at, offset(mask, at), gradient + at, plane, of_block(mean.f32()), of_block(factors),
                       of_block(factors + channels), of_block(factors + 2 * channels), out + at);
        lanes.finish();
      });
    });
  });
}

}  // namespace ldc::cpu::LDC_ISA
