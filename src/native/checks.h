// What every kernel may take for granted: checks of shapes, types and layouts at the border, one function a kernel with the
// kernel's own parameters. A wrong call from JavaScript throws std::invalid_argument here and never reaches a kernel.
#pragma once

#include "kernels.h"

namespace ldc::check {

void fill(const Tensor& y, float value);
void scale(const Tensor& x, float factor, const Tensor& y);
void add(const Tensor& a, const Tensor& b, const Tensor& y);
void accumulate(const Tensor& x, const Tensor& y);
void multiply(const Tensor& a, const Tensor& b, const Tensor& y);
void multiply_scalar(const Tensor& x, const Tensor& s, const Tensor& y);
void relu_forward(const Tensor& x, const Tensor& y);
void relu_backward(const Tensor& y, const Tensor& dy, const Tensor& dx);
void to_features(const Tensor& x, const Tensor& y);
void to_dense(const Tensor& x, const Tensor& y);
void convert(const Tensor& x, const Tensor& y);
void images_to_features(const Tensor& x, const float* scale, const float* shift, const Tensor& y);
void copy_channels(const Tensor& x, int64_t from, const Tensor& y, int64_t to, int64_t count);
void dropout_mask(const Tensor& y, double p, uint32_t seed, uint32_t purpose, double step);

void conv2d_packed_elements(const Conv2d& conv, int64_t out_channels, int64_t in_channels, int64_t kernel, ConvPass pass);
void conv2d_pack(const Conv2d& conv, const Tensor& w, const Tensor& m, const Tensor& theta, ConvPass pass, const Tensor& packed);
void conv2d_forward(const Conv2d& conv, const Tensor& x, const Tensor& packed, int64_t kernel, const Tensor& bias, const Tensor& y);
void conv2d_data_grad(const Conv2d& conv, const Tensor& dy, const Tensor& packed, int64_t kernel, const Tensor& dx);
void conv2d_weight_grad(const Conv2d& conv, const Tensor& x, const Tensor& dy, const Tensor& w, const Tensor& m,
                        const Tensor& theta, const Tensor& dw, const Tensor& dm, const Tensor& dtheta, const Tensor& dbias);

void batch_norm_moments(const Tensor& x, float eps, float momentum, const Tensor& mean, const Tensor& inv_std,
                        const Tensor& running_mean, const Tensor& running_var);
void batch_norm_inv_std(const Tensor& var, float eps, const Tensor& inv_std);
void batch_norm_forward(const Tensor& x, const Tensor& mean, const Tensor& inv_std, const Tensor& gamma, const Tensor& beta,
                        const Tensor& residual, bool relu, const Tensor& y);
void batch_norm_backward(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& mean, const Tensor& inv_std,
                         const Tensor& gamma, bool training, const Tensor& dx, const Tensor& dresidual, const Tensor& dgamma,
                         const Tensor& dbeta);

void max_pool2d_forward(const Tensor& x, int kernel, int stride, int padding, const Tensor& y, const Tensor& taps);
void max_pool2d_backward(const Tensor& dy, const Tensor& taps, int kernel, int stride, int padding, const Tensor& dx);
void adaptive_avg_pool2d_forward(const Tensor& x, const Tensor& y, int64_t channel);
void adaptive_avg_pool2d_backward(const Tensor& dy, int64_t channel, const Tensor& dx);
void global_avg_pool_forward(const Tensor& x, const Tensor& y);
void global_avg_pool_backward(const Tensor& dy, const Tensor& dx);
void resize_bilinear(const Tensor& x, const Tensor& y);
void rotate(const Tensor& x, const Tensor& images, const Tensor& turns, bool nearest, const Tensor& y);
void resized_crop(const Tensor& x, const Tensor& crops, const Tensor& y);
void mix_colours(const Tensor& x, const Tensor& colours, const Tensor& y);

void linear_forward(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& y);
void linear_data_grad(const Tensor& dy, const Tensor& w, const Tensor& dx);
void linear_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor& db);
void feature_norm_forward(const Tensor& x, const Tensor& y);
void feature_norm_backward(const Tensor& x, const Tensor& dy, const Tensor& dx);
void l2_normalize_forward(const Tensor& x, double eps, const Tensor& y);
void l2_normalize_backward(const Tensor& x, const Tensor& dy, double eps, const Tensor& dx);
void take_rows(const Tensor& x, const Tensor& rows, const Tensor& y);
void unit_columns(const Tensor& w);
void align_heads(const TensorList& w, double alpha, double eps, const Tensor& cosine);

void log_softmax_forward(const Tensor& x, const Tensor& y);
void log_softmax_backward(const Tensor& y, const Tensor& dy, const Tensor& dx);
void cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& loss, const Tensor& dlogits);
void bce_with_logits(const Tensor& logits, const Tensor& labels, const Tensor& loss, const Tensor& dlogits);
void mse(const Tensor& a, const Tensor& b, const Tensor& loss, const Tensor& da);
void triplet(const Tensor& x, const Tensor& labels, float margin, Mining mining, bool squared, const Tensor& loss, const Tensor& dx);
void supcon(const Tensor& x, const Tensor& labels, double temperature, double base_temperature, const Tensor& loss, const Tensor& dx);

void grad_cam(const Tensor& activation, const Tensor& gradient, const Tensor& raw);
void unit_range(const Tensor& x, const Tensor& y);

void all_finite(const TensorList& x, const Tensor& finite);
void adam(const TensorList& p, const TensorList& g, const TensorList& m, const TensorList& v, double lr, double beta1,
          double beta2, double eps, double weight_decay, double step, const Tensor& finite);
void sgd(const TensorList& p, const TensorList& g, const TensorList& buffer, double lr, double momentum, double weight_decay,
         bool first, const Tensor& finite);

}  // namespace ldc::check
