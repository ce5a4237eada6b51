// Batch normalisation (Ioffe & Szegedy, 2015) with the residual addition and the ReLU that follow it fused in.
//
// Saved for the backward pass: mean and inverse standard deviation of each channel; the normalised values are recomputed
// from x, and the ReLU's mask is read off the output. Training reads x twice forward and twice backward.
//
// Sums: eight pixels at a time in float32, about their own mean, so that E[x^2] - E[x]^2 never cancels; the eights in double.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

// Sum and sum of squares of x[at], x[at + stride], ... n values, n <= kRun.
template <class L>
LDC_DEVICE Sums run_moments(L lanes, Features x, int64_t at, int64_t stride, int n) {
  float value[kRun], sum = 0;
  for (int k = 0; k < kRun; ++k) {
    value[k] = k < n ? lanes.load(x, at + k * stride) : 0.0f;
    sum += value[k];
  }
  const float centre = sum / static_cast<float>(n);
  float d1 = 0, d2 = 0;
  for (int k = 0; k < kRun; ++k) {
    const float d = k < n ? value[k] - centre : 0.0f;
    d1 += d;
    d2 = fmaf(d, d, d2);
  }
  const double mean = centre, d = d1, count = n;
  return {count * mean + d, d2 + mean * (2 * d + count * mean)};
}

// Four values of a channel vector of C entries from `c` on; zero behind the last.
LDC_DEVICE Float4 four_channels(Global<const float> v, int64_t c, int64_t channels) {
  return {c < channels ? v[c] : 0.0f, c + 1 < channels ? v[c + 1] : 0.0f, c + 2 < channels ? v[c + 2] : 0.0f,
          c + 3 < channels ? v[c + 3] : 0.0f};
}

LDC_DEVICE float normalised(float x, float mean, float inv_std, float gamma, float beta, float residual, bool relu) {
  const float value = fmaf(x - mean, inv_std * gamma, beta) + residual;
  return relu && value < 0 ? 0.0f : value;
}

}  // namespace

void CudaKernels::batch_norm_moments(const Tensor& x, float eps, float momentum, const Tensor& mean, const Tensor& inv_std,
                                     const Tensor& running_mean, const Tensor& running_var) {
  const int64_t channels = x.c(), stored = stored_channels(x), pixels = x.n() * x.h() * x.w();
  const Features in = features(x);
  const Global<float> to_mean = output(mean), to_inv = output(inv_std), to_rm = output(running_mean), to_rv = output(running_var);
  const double count = static_cast<double>(pixels), unbiased = count / (count > 1 ? count - 1 : 1), keep = 1.0 - momentum;
  Columns shape(1, pixels, channels);
  column_sums(
      stream_, memory_, x.dtype, shape,
      [=] LDC_LAMBDA(auto lanes, int64_t row, int n, int64_t c) -> Sums { return run_moments(lanes, in, row * stored + c, stored, n); },
      [=] LDC_LAMBDA(int64_t, int64_t c, Sums sums) {
        const double centre = sums.first / count, var = sums.second / count - centre * centre, variance = var > 0 ? var : 0;
        to_mean[c] = static_cast<float>(centre);
        to_inv[c] = static_cast<float>(1 / sqrt(variance + eps));
        to_rm[c] = static_cast<float>(keep * to_rm[c] + momentum * centre);
        to_rv[c] = static_cast<float>(keep * to_rv[c] + momentum * (variance * unbiased));
      });
}

void CudaKernels::batch_norm_inv_std(const Tensor& var, float eps, const Tensor& inv_std) {
  const Global<const float> in = input(var);
  const Global<float> out = output(inv_std);
  each(stream_, var.elements(), [=] LDC_LAMBDA(int64_t c) { out[c] = static_cast<float>(1 / sqrt(static_cast<double>(in[c]) + eps)); });
}

void CudaKernels::batch_norm_forward(const Tensor& x, const Tensor& mean, const Tensor& inv_std, const Tensor& gamma,
                                     const Tensor& beta, const Tensor& residual, bool relu, const Tensor& y) {
  const int64_t channels = x.c(), stored = stored_channels(x);
  const Features in = features(x), added = features(residual), out = features(y);
  const Global<const float> m = input(mean), inv = input(inv_std), g = input(gamma), b = input(beta);
  each(stream_, x.dtype, stored_elements(x) / 4, [=] LDC_LAMBDA(auto lanes, int64_t vector) {
    const int64_t i = 4 * vector, c = i % stored;
    const Float4 v = lanes.load4(in, i), mean4 = four_channels(m, c, channels), inv4 = four_channels(inv, c, channels);
    const Float4 gamma4 = four_channels(g, c, channels), beta4 = four_channels(b, c, channels);
    const Float4 r = added == nullptr ? Float4{0, 0, 0, 0} : lanes.load4(added, i);
    lanes.store4(out, i, {normalised(v.x, mean4.x, inv4.x, gamma4.x, beta4.x, r.x, relu),
                          normalised(v.y, mean4.y, inv4.y, gamma4.y, beta4.y, r.y, relu),
                          normalised(v.z, mean4.z, inv4.z, gamma4.z, beta4.z, r.z, relu),
                          normalised(v.w, mean4.w, inv4.w, gamma4.w, beta4.w, r.w, relu)});
  });
}

// With g = masked dy, x^ = (x - mean) inv_std and M pixels a channel:
//   dbeta = sum g,  dgamma = sum g x^,  dx = gamma inv_std (g - dbeta / M - x^ dgamma / M)
void CudaKernels::batch_norm_backward(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& mean, const Tensor& inv_std,
                                      const Tensor& gamma, bool training, const Tensor& dx, const Tensor& dresidual,
                                      const Tensor& dgamma, const Tensor& dbeta) {
  const int64_t channels = x.c(), stored = stored_channels(x), pixels = x.n() * x.h() * x.w();
  const Features in = features(x), value = features(y), upstream = features(dy), out = features(dx), skip = features(dresidual);
  const Global<const float> m = input(mean), inv = input(inv_std), g = input(gamma);
  const Global<float> to_gamma = output(dgamma), to_beta = output(dbeta);
  const Scratch<float> scratch(memory_, 3 * stored);  // by channel: factors of g, of x - mean, and 1
  const Global<float> factors = global(scratch.data());
  const double count = static_cast<double>(pixels);
  column_sums(
      stream_, memory_, x.dtype, Columns(1, pixels, stored),
      [=] LDC_LAMBDA(auto lanes, int64_t row, int n, int64_t c) -> Sums {
        const float centre = c < channels ? m[c] : 0.0f;
        const int64_t first = row * stored + c;
        float gradient[kRun], s = 0, q = 0;
#pragma unroll
        for (int k = 0; k < kRun; ++k) gradient[k] = k < n ? lanes.load(upstream, first + k * stored) : 0.0f;
        if (!(value == nullptr)) {  // behind the ReLU: where the output was positive
#pragma unroll
          for (int k = 0; k < kRun; ++k) gradient[k] = k < n && lanes.load(value, first + k * stored) > 0 ? gradient[k] : 0.0f;
        }
        if (!(skip == nullptr)) {
#pragma unroll
          for (int k = 0; k < kRun; ++k) {
            if (k < n) lanes.store(skip, first + k * stored, gradient[k]);
          }
        }
#pragma unroll
        for (int k = 0; k < kRun; ++k) {
          s += gradient[k];
          q = fmaf(gradient[k], k < n ? lanes.load(in, first + k * stored) - centre : 0.0f, q);
        }
        return {s, q};
      },
      [=] LDC_LAMBDA(int64_t, int64_t c, Sums sums) {
        const double i = c < channels ? inv[c] : 0, factor = c < channels ? g[c] * i : 0;
        if (c < channels) {
          to_beta[c] = static_cast<float>(sums.first);
          to_gamma[c] = static_cast<float>(sums.second * i);
        }
        factors[c] = static_cast<float>(factor);
        factors[stored + c] = training ? static_cast<float>(-factor * i * i * sums.second / count) : 0.0f;
        factors[2 * stored + c] = training ? static_cast<float>(-factor * sums.first / count) : 0.0f;
      });
  each(stream_, x.dtype, stored_elements(x) / 4, [=] LDC_LAMBDA(auto lanes, int64_t vector) {
    const int64_t i = 4 * vector, c = i % stored;
    const Float4 x4 = lanes.load4(in, i), mean4 = four_channels(m, c, channels), of_g = load4(factors + c);
    const Float4 of_x = load4(factors + (stored + c)), one = load4(factors + (2 * stored + c));
    Float4 g4 = lanes.load4(upstream, i);
    if (!(value == nullptr)) g4 = map4([](float v, float d) { return v > 0 ? d : 0.0f; }, lanes.load4(value, i), g4);
    const auto gradient = [](float a, float d, float b, float centred, float rest) { return fmaf(a, d, fmaf(b, centred, rest)); };
    const Float4 centred = map4([](float v, float centre) { return v - centre; }, x4, mean4);
    lanes.store4(out, i, map4(gradient, of_g, g4, of_x, centred, one));
  });
}

}  // namespace ldc::cuda::LDC_TARGET
