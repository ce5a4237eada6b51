// The CUDA implementation of the kernel list. This header and the files that implement it are compiled twice, by nvcc into
// namespace ldc::cuda::gpu and by the host compiler into ldc::cuda::emulated (contract.h).
#pragma once

#include "../kernels.h"
#include "contract.h"
#include "features.h"
#include "memory.h"

namespace ldc::cuda::LDC_TARGET {

class CudaKernels final : public Kernels {
 public:
  CudaKernels(Stream stream, Memory& memory, Precision precision)
      : stream_(stream), memory_(memory), precision_(precision), wgmma_(has_wgmma()) {}

  void fill(const Tensor& y, float value) override;
  void scale(const Tensor& x, float factor, const Tensor& y) override;
  void add(const Tensor& a, const Tensor& b, const Tensor& y) override;
  void accumulate(const Tensor& x, const Tensor& y) override;
  void multiply(const Tensor& a, const Tensor& b, const Tensor& y) override;
  void multiply_scalar(const Tensor& x, const Tensor& s, const Tensor& y) override;
  void relu_forward(const Tensor& x, const Tensor& y) override;
  void relu_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) override;

  void to_features(const Tensor& x, const Tensor& y) override;
  void to_dense(const Tensor& x, const Tensor& y) override;
  void convert(const Tensor& x, const Tensor& y) override;
  void images_to_features(const Tensor& x, const float scale[3], const float shift[3], const Tensor& y) override;
  void copy_channels(const Tensor& x, int64_t from, const Tensor& y, int64_t to, int64_t count) override;

  void dropout_mask(const Tensor& y, double p, uint32_t seed, uint32_t purpose, double step) override;

  int64_t conv2d_packed_elements(const Conv2d& conv, int64_t out_channels, int64_t in_channels, int64_t kernel,
                                 ConvPass pass) const override;
  void conv2d_pack(const Conv2d& conv, const Tensor& w, const Tensor& m, const Tensor& theta, ConvPass pass,
                   const Tensor& packed) override;
  void conv2d_forward(const Conv2d& conv, const Tensor& x, const Tensor& packed, int64_t kernel, const Tensor& bias,
                      const Tensor& y) override;
  void conv2d_data_grad(const Conv2d& conv, const Tensor& dy, const Tensor& packed, int64_t kernel, const Tensor& dx) override;
  void conv2d_weight_grad(const Conv2d& conv, const Tensor& x, const Tensor& dy, const Tensor& w, const Tensor& m,
                          const Tensor& theta, const Tensor& dw, const Tensor& dm, const Tensor& dtheta,
                          const Tensor& dbias) override;

  void batch_norm_moments(const Tensor& x, float eps, float momentum, const Tensor& mean, const Tensor& inv_std,
                          const Tensor& running_mean, const Tensor& running_var) override;
  void batch_norm_inv_std(const Tensor& var, float eps, const Tensor& inv_std) override;
  void batch_norm_forward(const Tensor& x, const Tensor& mean, const Tensor& inv_std, const Tensor& gamma, const Tensor& beta,
                          const Tensor& residual, bool relu, const Tensor& y) override;
  void batch_norm_backward(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& mean, const Tensor& inv_std,
                           const Tensor& gamma, bool training, const Tensor& dx, const Tensor& dresidual,
                           const Tensor& dgamma, const Tensor& dbeta) override;

  void max_pool2d_forward(const Tensor& x, int kernel, int stride, int padding, const Tensor& y, const Tensor& taps) override;
  void max_pool2d_backward(const Tensor& dy, const Tensor& taps, int kernel, int stride, int padding,
                           const Tensor& dx) override;
  void adaptive_avg_pool2d_forward(const Tensor& x, const Tensor& y, int64_t channel) override;
  void adaptive_avg_pool2d_backward(const Tensor& dy, int64_t channel, const Tensor& dx) override;
  void global_avg_pool_forward(const Tensor& x, const Tensor& y) override;
  void global_avg_pool_backward(const Tensor& dy, const Tensor& dx) override;
  void resize_bilinear(const Tensor& x, const Tensor& y) override;
  void rotate(const Tensor& x, const Tensor& images, const Tensor& turns, bool nearest, const Tensor& y) override;
  void resized_crop(const Tensor& x, const Tensor& crops, const Tensor& y) override;
  void mix_colours(const Tensor& x, const Tensor& colours, const Tensor& y) override;

  void linear_forward(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& y) override;
  void linear_data_grad(const Tensor& dy, const Tensor& w, const Tensor& dx) override;
  void linear_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor& db) override;
  void feature_norm_forward(const Tensor& x, const Tensor& y) override;
  void feature_norm_backward(const Tensor& x, const Tensor& dy, const Tensor& dx) override;
  void l2_normalize_forward(const Tensor& x, double eps, const Tensor& y) override;
  void l2_normalize_backward(const Tensor& x, const Tensor& dy, double eps, const Tensor& dx) override;
  void take_rows(const Tensor& x, const Tensor& rows, const Tensor& y) override;
  void unit_columns(const Tensor& w) override;
  void align_heads(const TensorList& w, double alpha, double eps, const Tensor& cosine) override;

  void log_softmax_forward(const Tensor& x, const Tensor& y) override;
  void log_softmax_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) override;
  void cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& loss, const Tensor& dlogits) override;
  void bce_with_logits(const Tensor& logits, const Tensor& labels, const Tensor& loss, const Tensor& dlogits) override;
  void mse(const Tensor& a, const Tensor& b, const Tensor& loss, const Tensor& da) override;
  void triplet(const Tensor& x, const Tensor& labels, float margin, Mining mining, bool squared, const Tensor& loss,
               const Tensor& dx) override;
  void supcon(const Tensor& x, const Tensor& labels, double temperature, double base_temperature, const Tensor& loss,
              const Tensor& dx) override;

  void grad_cam(const Tensor& activation, const Tensor& gradient, const Tensor& raw) override;
  void unit_range(const Tensor& x, const Tensor& y) override;

  void all_finite(const TensorList& x, const Tensor& finite) override;
  void adam(const TensorList& p, const TensorList& g, const TensorList& m,
            const TensorList& v, double lr, double beta1, double beta2, double eps, double weight_decay,
            double step, const Tensor& finite) override;
  void sgd(const TensorList& p, const TensorList& g, const TensorList& buffer, double lr,
           double momentum, double weight_decay, bool first, const Tensor& finite) override;

 private:
  // Whether features are in bf16. Throws std::invalid_argument where this device does not multiply in it.
  bool in_bf16(const Tensor& features) const;
  void convolve(const Conv2d& conv, const Tensor& from, const Tensor& packed, int64_t kernel, const Tensor& bias, const Tensor& to,
                bool transposed);

  const Stream stream_;
  Memory& memory_;
  const Precision precision_;  // bf16: features in it are multiplied in it, those in float32 in fp32
  const bool wgmma_;  // convolutions on tensor cores by warp-group MMA
};

}  // namespace ldc::cuda::LDC_TARGET
