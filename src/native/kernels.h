// The one list of kernels: everything a device must be able to compute. A backend derives from Kernels; one that lacks
// a kernel does not compile. binding.cc exposes each to JavaScript in one line under the same name.
//
// Contract of every kernel
//   * Arguments were checked at the border (checks.h): shapes, types, layouts and liveness hold when a kernel runs.
//   * Outputs are written completely; nothing is assumed about their content before. Outputs never overlap inputs unless
//     the comment says "in place".
//   * Activations and their gradients are features in float32 or in bf16, all of one call in the same, unless the comment says
//     otherwise; everything dense is float32. Arithmetic is float32 for both; convolutions of bf16 features may round their
//     weights to bf16 as well.
//   * Bit-identical from run to run and for any number of threads: work is split over outputs, sums
//     have a fixed order, there are no float atomics.
//   * Where the features layout pads channels, the padding is zero on input and is left zero on output.
//   * Kernels of one device run in the order in which they were submitted.
//
// Shapes are given as the user sees them: features [N,C,H,W], weights [O,I,K,K] (PyTorch's OIHW), dense [rows,columns].
// A Tensor argument marked "or none" may come without data.
#pragma once

#include <cstdint>

#include "tensor.h"

namespace ldc {

// The convolution kinds that differ in the effective weight only (method.md, section 1). S[o,i] = sum of the 9 taps.
//   vanilla    w
//   ldc        centre * (1 - theta * m[o,i] * S[o,i])          m [O,I], theta [1], both learn
//   ldc_paper  w * ((1 - constant) + constant * m)             m [O,I,3,3] learns, constant = epsilon
//   cdc        centre - constant * S[o,i]                      constant = theta, fixed
//   ldc_cross, ldc_diagonal: ldc whose S sums only the centre row and column, or only the two diagonals
//                                                              (the two branches of the decoupled form)
enum class Descriptor : int { vanilla, ldc, ldc_paper, cdc, ldc_cross, ldc_diagonal };

// winograd chooses F(4x4) or F(2x2) by shape. The last two are one of them always: for tests and measurements.
enum class ConvAlgorithm : int { automatic, direct, winograd, winograd_f2, winograd_f4 };
enum class ConvPass : int { forward, data_grad };

// What a convolution needs beyond its tensors. Square kernels, dilation 1, groups 1.
struct Conv2d {
  int64_t height = 0, width = 0;  // of the input x
  int stride = 1, padding = 0;
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;
  Descriptor descriptor = Descriptor::vanilla;
  float constant = 0;
  DType dtype = DType::f32;  // of x and y; weights are packed for it
};

enum class Mining : int { batch_hard, batch_all };

class Kernels {
 public:
  virtual ~Kernels() = default;

  // ---- elementwise; dense or features, all arguments of one shape and layout --------------------------------------
  virtual void fill(const Tensor& y, float value) = 0;                               // y = value
  virtual void scale(const Tensor& x, float factor, const Tensor& y) = 0;            // y = factor x
  virtual void add(const Tensor& a, const Tensor& b, const Tensor& y) = 0;           // y = a + b
  virtual void accumulate(const Tensor& x, const Tensor& y) = 0;                     // y += x, in place
  virtual void multiply(const Tensor& a, const Tensor& b, const Tensor& y) = 0;      // y = a b
  virtual void multiply_scalar(const Tensor& x, const Tensor& s, const Tensor& y) = 0;  // y = x s[0]; s a device scalar
  virtual void relu_forward(const Tensor& x, const Tensor& y) = 0;                   // y = max(x, 0)
  virtual void relu_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) = 0;  // dx = y > 0 ? dy : 0

  // ---- layout -----------------------------------------------------------------------------------------------------
  virtual void to_features(const Tensor& x, const Tensor& y) = 0;  // dense float32 [N,C,H,W] -> features
  virtual void to_dense(const Tensor& x, const Tensor& y) = 0;     // features -> dense float32 [N,C,H,W]
  virtual void convert(const Tensor& x, const Tensor& y) = 0;      // y = x, features from float32 to bf16 or back
  // Pixels to network input: x dense u8 [N,H,W,3], y features [N,3,H,W], y = x * scale[c] + shift[c].
  virtual void images_to_features(const Tensor& x, const float scale[3], const float shift[3], const Tensor& y) = 0;
  // y[:, to:to+count] = x[:, from:from+count]; concatenation and its gradient. features
  virtual void copy_channels(const Tensor& x, int64_t from, const Tensor& y, int64_t to, int64_t count) = 0;

  // ---- random -----------------------------------------------------------------------------------------------------
  // Philox4x32-10 (Salmon et al., SC 2011), key (seed, purpose), counter (i / 4, 0, step low, step high): element i is kept, with
  // value 1 / (1 - p), when word i % 4 >= p * 2^32 (rounded down), and is 0 otherwise. y dense.
  virtual void dropout_mask(const Tensor& y, double p, uint32_t seed, uint32_t purpose, double step) = 0;

  // ---- convolution ------------------------------------------------------------------------------------------------
  // Float32 elements that conv2d_pack needs; a pure function of its arguments, called when the step is recorded.
  virtual int64_t conv2d_packed_elements(const Conv2d& conv, int64_t out_channels, int64_t in_channels, int64_t kernel,
                                         ConvPass pass) const = 0;
  // Effective weight of (w, m, theta) in kernel order for one pass. w [O,I,K,K]; m, theta as the descriptor says, or none.
  virtual void conv2d_pack(const Conv2d& conv, const Tensor& w, const Tensor& m, const Tensor& theta, ConvPass pass,
                           const Tensor& packed) = 0;
  // y = conv(x, packed) + bias. x [N,I,H,W], bias dense [O] or none, y [N,O,H',W'].
  virtual void conv2d_forward(const Conv2d& conv, const Tensor& x, const Tensor& packed, int64_t kernel, const Tensor& bias,
                              const Tensor& y) = 0;
  // dx from dy; packed for ConvPass::data_grad. dx [N,I,H,W].
  virtual void conv2d_data_grad(const Conv2d& conv, const Tensor& dy, const Tensor& packed, int64_t kernel,
                                const Tensor& dx) = 0;
  // Gradient of the effective weight, carried on to w, m and theta by the descriptor. dw like w; dm like m or none;
  // dtheta [1] or none; dbias [O] or none.
  virtual void conv2d_weight_grad(const Conv2d& conv, const Tensor& x, const Tensor& dy, const Tensor& w, const Tensor& m,
                                  const Tensor& theta, const Tensor& dw, const Tensor& dm, const Tensor& dtheta,
                                  const Tensor& dbias) = 0;

  // ---- batch norm; x features, statistics dense [C] ---------------------------------------------------------------
  // Biased variance for inv_std = 1 / sqrt(var + eps); running_* = (1 - momentum) running_* + momentum * (mean | unbiased var),
  // in place.
  virtual void batch_norm_moments(const Tensor& x, float eps, float momentum, const Tensor& mean, const Tensor& inv_std,
                                  const Tensor& running_mean, const Tensor& running_var) = 0;
  virtual void batch_norm_inv_std(const Tensor& var, float eps, const Tensor& inv_std) = 0;
  // y = (x - mean) inv_std gamma + beta, then + residual (or none), then relu where asked.
  virtual void batch_norm_forward(const Tensor& x, const Tensor& mean, const Tensor& inv_std, const Tensor& gamma,
                                  const Tensor& beta, const Tensor& residual, bool relu, const Tensor& y) = 0;
  // y: the forward output where relu was applied, else none. With training the batch statistics depend on x, else they
  // are constants. dresidual (or none) = dy masked by y > 0. dx may be dy itself.
  virtual void batch_norm_backward(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& mean,
                                   const Tensor& inv_std, const Tensor& gamma, bool training, const Tensor& dx,
                                   const Tensor& dresidual, const Tensor& dgamma, const Tensor& dbeta) = 0;

  // ---- pooling and resizing; features -----------------------------------------------------------------------------
  // taps u8 features like y: position of the first maximum in the row-major window, for the backward pass; of the last NaN in
  // a window that has one, whose maximum is NaN (PyTorch).
  virtual void max_pool2d_forward(const Tensor& x, int kernel, int stride, int padding, const Tensor& y, const Tensor& taps) = 0;
  virtual void max_pool2d_backward(const Tensor& dy, const Tensor& taps, int kernel, int stride, int padding,
                                   const Tensor& dx) = 0;
  // Bin i averages rows floor(i H / H') .. ceil((i+1) H / H') - 1, also when H' > H (PyTorch). Writes channels
  // [channel, channel + C) of y, so that a concatenation needs no copy; backward reads the same slice of dy.
  virtual void adaptive_avg_pool2d_forward(const Tensor& x, const Tensor& y, int64_t channel) = 0;
  virtual void adaptive_avg_pool2d_backward(const Tensor& dy, int64_t channel, const Tensor& dx) = 0;
  virtual void global_avg_pool_forward(const Tensor& x, const Tensor& y) = 0;     // y dense float32 [N,C]
  virtual void global_avg_pool_backward(const Tensor& dy, const Tensor& dx) = 0;  // dy dense [N,C]
  // Half-pixel centres, clamped at the border, two taps a direction, no antialiasing.
  virtual void resize_bilinear(const Tensor& x, const Tensor& y) = 0;
  // Augmentation; pixel (i, j) has its centre at (i, j), x to the right, y down. y[n] is image images[n] of x, turned counter-
  // clockwise as seen about its middle by the angle with turns[n] = (cosine, sine), images i32 [N], turns dense [N,2]: y at offset
  // (dx, dy) from there reads x at (dx cos - dy sin, dx sin + dy cos). Bilinear: a tap outside counts as 0; nearest: pixel
  // floor(s + 1/2), 0 outside. An image that is none is clamped.
  virtual void rotate(const Tensor& x, const Tensor& images, const Tensor& turns, bool nearest, const Tensor& y) = 0;
  // y[n] = a box of image crops[n][0] of x resized to y's size as resize_bilinear does, no pixel outside of the box is read; mirrored
  // left to right where asked. crops i32 [N,6]: image, top, left, height, width, mirrored; what is outside of x is clamped.
  virtual void resized_crop(const Tensor& x, const Tensor& crops, const Tensor& y) = 0;
  // y[n] = M rgb + pivot g, cut to [0, 1], 3 channels; g the mean over image n of 0.299 r + 0.587 g + 0.114 b. colours dense [N,10]:
  // M by rows, pivot.
  virtual void mix_colours(const Tensor& x, const Tensor& colours, const Tensor& y) = 0;

  // ---- dense layers; x dense [N,I], w [O,I] -----------------------------------------------------------------------
  virtual void linear_forward(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& y) = 0;  // b [O] or none
  virtual void linear_data_grad(const Tensor& dy, const Tensor& w, const Tensor& dx) = 0;
  virtual void linear_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor& db) = 0;  // db or none
  // y = x / sqrt(2 max(|x|, 1e-12)) by rows; no gradient through the norm where |x| < 1e-12 (method.md, section 2).
  virtual void feature_norm_forward(const Tensor& x, const Tensor& y) = 0;
  virtual void feature_norm_backward(const Tensor& x, const Tensor& dy, const Tensor& dx) = 0;
  // y = x / max(|x|, eps) by rows; where |x| < eps the divisor is a constant (methods.md, section 3.2).
  virtual void l2_normalize_forward(const Tensor& x, double eps, const Tensor& y) = 0;
  virtual void l2_normalize_backward(const Tensor& x, const Tensor& dy, double eps, const Tensor& dx) = 0;
  // y[i] = x[rows[i]], zeros where that is no row of x. x [M,...], y [N,...], rows i32 [N]. With the inverse in `rows`, its own gradient.
  virtual void take_rows(const Tensor& x, const Tensor& rows, const Tensor& y) = 0;
  // Scales every column of w [O,I] to unit L2 length, in place (the classifier's weight, method.md section 2).
  virtual void unit_columns(const Tensor& w) = 0;
  // Turns each of 2 to 16 heads w[k], of one shape, towards the one that is farthest from it by cosine, the first of equals; lengths stay
  // (methods.md, section 3.3). In place, all from the old heads. cosine: scalar, mean over all pairs before.
  virtual void align_heads(const TensorList& w, double alpha, double eps, const Tensor& cosine) = 0;

  // ---- losses; loss dense scalar; the gradient of the loss itself (upstream 1) is written beside it, or none --------
  virtual void log_softmax_forward(const Tensor& x, const Tensor& y) = 0;  // rows of [N,C]
  virtual void log_softmax_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) = 0;
  virtual void cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& loss, const Tensor& dlogits) = 0;  // labels i32 [N]; mean
  // Binary; logits dense with N elements, labels i32 [N]. Mean over the rows whose label is 0 or 1, 0 where there is none; the others
  // have no gradient.
  virtual void bce_with_logits(const Tensor& logits, const Tensor& labels, const Tensor& loss, const Tensor& dlogits) = 0;
  // Mean over logical elements; float32 of one shape and layout.
  virtual void mse(const Tensor& a, const Tensor& b, const Tensor& loss, const Tensor& da) = 0;
  // Triplet loss with mining (method.md section 4; fixtures/README.md for ties and degenerate cases). x dense [N,D], labels i32 [N].
  virtual void triplet(const Tensor& x, const Tensor& labels, float margin, Mining mining, bool squared, const Tensor& loss,
                       const Tensor& dx) = 0;
  // Supervised contrastive loss (Khosla et al., 2020; methods.md, section 3.2) of rows x [N,D], or [images,views,D] with N = images views;
  // labels i32 [N]. All other rows are contrasts, those of the same label positives, of which each row needs one: else the loss is NaN.
  virtual void supcon(const Tensor& x, const Tensor& labels, double temperature, double base_temperature, const Tensor& loss,
                      const Tensor& dx) = 0;

  // ---- Grad-CAM; features -----------------------------------------------------------------------------------------
  // raw[n,0] = relu(sum_c mean_hw(gradient[n,c]) activation[n,c]); raw is float32
  virtual void grad_cam(const Tensor& activation, const Tensor& gradient, const Tensor& raw) = 0;
  // By image: y = (x - min x) / (1e-7 + max(x - min x)); float32.
  virtual void unit_range(const Tensor& x, const Tensor& y) = 0;

  // ---- optimisers; lists of equal length, one entry a parameter; p, m, v in place -----------------------------------
  // finite[0] = 1 where every element of every tensor is finite, else 0. x dense; finite scalar.
  virtual void all_finite(const TensorList& x, const Tensor& finite) = 0;
  // Both: finite scalar, or none; where it is 0 nothing changes.
  // g += weight_decay p;  m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  p -= lr / (1-b1^step) * m / (sqrt(v) / sqrt(1-b2^step) + eps).
  // step counts from 1. Scalars are computed in double, elements in float32. (Kingma & Ba, 2015)
  virtual void adam(const TensorList& p, const TensorList& g, const TensorList& m,
                    const TensorList& v, double lr, double beta1, double beta2, double eps, double weight_decay,
                    double step, const Tensor& finite) = 0;
  // g += weight_decay p;  buffer = first ? g : momentum buffer + g;  p -= lr buffer.
  virtual void sgd(const TensorList& p, const TensorList& g, const TensorList& buffer, double lr,
                   double momentum, double weight_decay, bool first, const Tensor& finite) = 0;
};

}  // namespace ldc
