// Losses on logits and maps. Each writes its own gradient beside the loss (upstream 1), so nothing is saved; exponentials
// and sums are in double and in a fixed order.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

// log(sum of exp(x)) of n values; the largest is taken out first, so no exponential overflows.
LDC_DEVICE double log_sum_exp(Global<const float> x, int64_t n) {
  double largest = x[0];
  for (int64_t i = 1; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += exp(x[i] - largest);
  return largest + log(sum);
}

}  // namespace

void CudaKernels::log_softmax_forward(const Tensor& x, const Tensor& y) {
  const int64_t classes = x.shape[1];
  const Global<const float> in = input(x);
  const Global<float> out = output(y);
  each(stream_, x.shape[0], [=] LDC_LAMBDA(int64_t n) {
    const double all = log_sum_exp(in + n * classes, classes);
    for (int64_t c = n * classes; c < (n + 1) * classes; ++c) out[c] = static_cast<float>(in[c] - all);
  });
}

void CudaKernels::log_softmax_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) {
  const int64_t classes = y.shape[1];
  const Global<const float> value = input(y), upstream = input(dy);
  const Global<float> out = output(dx);
  each(stream_, y.shape[0], [=] LDC_LAMBDA(int64_t n) {
    double sum = 0;
    for (int64_t c = n * classes; c < (n + 1) * classes; ++c) sum += upstream[c];
    for (int64_t c = n * classes; c < (n + 1) * classes; ++c) {
      out[c] = static_cast<float>(upstream[c] - exp(static_cast<double>(value[c])) * sum);
    }
  });
}

// A label that is no class makes the loss NaN: the labels lie on the device, where nothing else checks them.
void CudaKernels::cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& loss, const Tensor& dlogits) {
  const int64_t rows = logits.shape[0], classes = logits.shape[1];
  const Global<const float> in = input(logits);
  const Global<const int32_t> label_of = global<const int32_t>(labels.i32());
  const Global<float> gradient = output(dlogits), mean = output(loss);
  total(
      stream_, memory_, rows,
      [=] LDC_LAMBDA(int64_t n) -> double {
        const int64_t label = label_of[n];
        const double all = log_sum_exp(in + n * classes, classes);
        if (!(gradient == nullptr)) {
          for (int64_t c = 0; c < classes; ++c) {
            const double g = exp(in[n * classes + c] - all) - (c == label ? 1.0 : 0.0);
            gradient[n * classes + c] = static_cast<float>(g / static_cast<double>(rows));
          }
        }
        return label >= 0 && label < classes ? all - in[n * classes + label] : static_cast<double>(NAN);
      },
      [=] LDC_LAMBDA(double sum) { mean[0] = static_cast<float>(sum / static_cast<double>(rows)); });
}

// With e = exp(-|z|): the loss is max(z, 0) - z label + log(1 + e), the gradient sigmoid(z) - label, of which the small one of e / (1 + e)
// and 1 / (1 + e) is never made from the large one.
void CudaKernels::bce_with_logits(const Tensor& logits, const Tensor& labels, const Tensor& loss, const Tensor& dlogits) {
  const int64_t rows = logits.elements();
  const Global<const float> in = input(logits);
  const Global<const int32_t> label_of = global<const int32_t>(labels.i32());
  const Global<float> gradient = output(dlogits), mean = output(loss);
  const Scratch<double> one(memory_, 1);
  const Global<double> counted = global(one.data());
  const auto counts = [=] LDC_LAMBDA(int64_t n) -> double { return label_of[n] == 0 || label_of[n] == 1 ? 1 : 0; };
  total(stream_, memory_, rows, counts, [=] LDC_LAMBDA(double count) { counted[0] = count; });
  total(
      stream_, memory_, rows,
      [=] LDC_LAMBDA(int64_t n) -> double {
        const int32_t label = label_of[n];
        const bool counts = label == 0 || label == 1;
        const double z = in[n], e = exp(-fabs(z));
        if (!(gradient == nullptr)) {
          const double slope = label == 1 ? -(z > 0 ? e : 1) / (1 + e) : (z > 0 ? 1 : e) / (1 + e);
          gradient[n] = counts ? static_cast<float>(slope / counted[0]) : 0.0f;
        }
        return counts ? (z > 0 ? z : 0) - z * label + log1p(e) : 0.0;
      },
      [=] LDC_LAMBDA(double sum) { mean[0] = static_cast<float>(counted[0] > 0 ? sum / counted[0] : 0); });
}

// Padding channels are equal on both sides and add nothing.
void CudaKernels::mse(const Tensor& a, const Tensor& b, const Tensor& loss, const Tensor& da) {
  const double count = static_cast<double>(a.elements());
  const float factor = static_cast<float>(2 / count);
  const Global<const float> first = input(a), second = input(b);
  const Global<float> gradient = output(da), mean = output(loss);
  total(
      stream_, memory_, stored_elements(a),
      [=] LDC_LAMBDA(int64_t i) -> double {
        const float d = first[i] - second[i];
        if (!(gradient == nullptr)) gradient[i] = d * factor;
        return static_cast<double>(d) * d;
      },
      [=] LDC_LAMBDA(double sum) { mean[0] = static_cast<float>(sum / count); });
}

}  // namespace ldc::cuda::LDC_TARGET
