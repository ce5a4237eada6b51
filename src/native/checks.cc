#include "checks.h"

#include <initializer_list>
#include <stdexcept>
#include <string>

namespace ldc::check {

namespace {

using std::string;

[[noreturn]] void fail(const string& what) { throw std::invalid_argument(what); }

void require(bool holds, const char* what) {
  if (!holds) fail(what);
}

string shape_text(const Tensor& t) {
  string text = "[";
  for (int i = 0; i < t.rank; ++i) text += (i > 0 ? "," : "") + std::to_string(t.shape[i]);
  return text + "]";
}

const char* layout_text(Layout layout) {
  return layout == Layout::dense ? "dense" : layout == Layout::features ? "features" : "packed";
}

void there(const Tensor& t, const char* name) {
  if (!t) fail(string(name) + " is missing");
}

void typed(const Tensor& t, const char* name, DType dtype) {
  if (t.dtype != dtype) fail(string(name) + " has the wrong element type");
}

void laid(const Tensor& t, const char* name, Layout layout) {
  there(t, name);
  if (t.layout != layout) fail(string(name) + " has layout " + layout_text(t.layout) + ", " + layout_text(layout) + " is needed");
}

void typed(const Tensor& t, const char* name, Layout layout, DType dtype = DType::f32) {
  laid(t, name, layout);
  typed(t, name, dtype);
}

bool activation(DType type) { return type == DType::f32 || type == DType::bf16; }

// Activations: features in float32 or bf16.
void features(const Tensor& t, const char* name) {
  laid(t, name, Layout::features);
  if (!activation(t.dtype)) fail(string(name) + " has the wrong element type");
}

void shaped(const Tensor& t, const char* name, std::initializer_list<int64_t> shape) {
  bool same = t.rank == static_cast<int>(shape.size());
  int i = 0;
  string wanted = "[";
  for (int64_t extent : shape) {
    same = same && t.shape[i] == extent;
    wanted += (i > 0 ? "," : "") + std::to_string(extent);
    ++i;
  }
  if (!same) fail(string(name) + " has shape " + shape_text(t) + ", " + wanted + "] is needed");
}

// Features of a shape and a type.
void features(const Tensor& t, const char* name, std::initializer_list<int64_t> shape, DType dtype) {
  typed(t, name, Layout::features, dtype);
  shaped(t, name, shape);
}

void dense(const Tensor& t, const char* name, std::initializer_list<int64_t> shape, DType dtype = DType::f32) {
  typed(t, name, Layout::dense, dtype);
  shaped(t, name, shape);
}

void matrix(const Tensor& t, const char* name) {
  typed(t, name, Layout::dense);
  if (t.rank != 2) fail(string(name) + " has shape " + shape_text(t) + ", a matrix is needed");
}

void scalar(const Tensor& t, const char* name) {
  typed(t, name, Layout::dense);
  if (t.elements() != 1) fail(string(name) + " has shape " + shape_text(t) + ", one element is needed");
}

// Dense float32, or activations.
void values(const Tensor& t, const char* name) {
  there(t, name);
  if (!activation(t.dtype)) fail(string(name) + " has the wrong element type");
  if (t.layout == Layout::packed) fail(string(name) + " is packed");
}

void floats(const Tensor& t, const char* name) {
  values(t, name);
  typed(t, name, DType::f32);
}

void alike(const Tensor& t, const char* name, const Tensor& model, const char* model_name) {
  values(t, name);
  typed(t, name, model.dtype);
  bool same = t.layout == model.layout && t.rank == model.rank;
  for (int i = 0; same && i < t.rank; ++i) same = t.shape[i] == model.shape[i];
  if (!same) {
    fail(string(name) + " is " + layout_text(t.layout) + " " + shape_text(t) + ", but " + model_name + " is " +
         layout_text(model.layout) + " " + shape_text(model));
  }
}

void apart(const Tensor& a, const Tensor& b) { require(a.data != b.data, "an output is also an input"); }

int64_t out_extent(int64_t in, int64_t kernel, int64_t stride, int64_t padding) { return (in + 2 * padding - kernel) / stride + 1; }

void conv(const Conv2d& c, int64_t kernel) {
  require(kernel >= 1 && kernel <= 64, "kernel is not from 1 to 64");
  require(c.stride >= 1 && c.stride <= 64, "stride is not from 1 to 64");
  require(c.padding >= 0 && c.padding < kernel, "padding is not from 0 to kernel - 1");
  require(c.height >= 1 && c.width >= 1 && c.height < (1 << 20) && c.width < (1 << 20), "height or width is out of range");
  require(c.height + 2 * c.padding >= kernel && c.width + 2 * c.padding >= kernel, "the kernel is larger than the padded input");
  require(activation(c.dtype), "the convolution's dtype is not float32 or bfloat16");
  require(c.descriptor == Descriptor::vanilla || kernel == 3, "a descriptor needs a 3x3 kernel");
}

void described(const Conv2d& c, const Tensor& w, const Tensor& m, const Tensor& theta) {
  typed(w, "w", Layout::dense);
  require(w.rank == 4 && w.shape[2] == w.shape[3], "w is not [O,I,K,K]");
  conv(c, w.shape[2]);
  switch (c.descriptor) {
    case Descriptor::ldc:
    case Descriptor::ldc_cross:
    case Descriptor::ldc_diagonal:
      dense(m, "m", {w.shape[0], w.shape[1]});
      dense(theta, "theta", {1});
      break;
    case Descriptor::ldc_paper: dense(m, "m", {w.shape[0], w.shape[1], 3, 3}); break;
    default: break;
  }
}

void pooling(const Tensor& x, const char* name, int kernel, int stride, int padding) {
  features(x, name);
  require(kernel >= 1 && kernel <= 15 && stride >= 1 && padding >= 0 && 2 * padding <= kernel, "kernel, stride or padding is out of range");
  require(x.h() + 2 * padding >= kernel && x.w() + 2 * padding >= kernel, "the window is larger than the padded input");
}

void slice(const Tensor& t, int64_t from, int64_t count) {
  require(from >= 0 && count >= 1 && from + count <= t.c(), "the channels are outside of the tensor");
}

void lists(const TensorList& a, const TensorList& b) {
  require(a.count == b.count, "the lists differ in length");
  for (int64_t i = 0; i < a.count; ++i) {
    floats(a[i], "the parameter");
    alike(b[i], "a list entry", a[i], "the parameter");
  }
}

}  // namespace

void fill(const Tensor& y, float) { values(y, "y"); }

void scale(const Tensor& x, float, const Tensor& y) {
  values(x, "x");
  alike(y, "y", x, "x");
}

void add(const Tensor& a, const Tensor& b, const Tensor& y) {
  values(a, "a");
  alike(b, "b", a, "a");
  alike(y, "y", a, "a");
}

void accumulate(const Tensor& x, const Tensor& y) {
  values(x, "x");
  alike(y, "y", x, "x");
}

void multiply(const Tensor& a, const Tensor& b, const Tensor& y) { add(a, b, y); }

void multiply_scalar(const Tensor& x, const Tensor& s, const Tensor& y) {
  scale(x, 0, y);
  scalar(s, "s");
}

void relu_forward(const Tensor& x, const Tensor& y) { scale(x, 0, y); }
void relu_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) { add(y, dy, dx); }

void to_features(const Tensor& x, const Tensor& y) {
  features(y, "y");
  dense(x, "x", {y.n(), y.c(), y.h(), y.w()});
}

void to_dense(const Tensor& x, const Tensor& y) { to_features(y, x); }

void convert(const Tensor& x, const Tensor& y) {
  features(x, "x");
  features(y, "y", {x.n(), x.c(), x.h(), x.w()}, x.dtype == DType::f32 ? DType::bf16 : DType::f32);
}

void images_to_features(const Tensor& x, const float*, const float*, const Tensor& y) {
  features(y, "y");
  require(y.c() == 3, "y does not have 3 channels");
  dense(x, "x", {y.n(), y.h(), y.w(), 3}, DType::u8);
}

void copy_channels(const Tensor& x, int64_t from, const Tensor& y, int64_t to, int64_t count) {
  features(x, "x");
  features(y, "y");
  typed(y, "y", x.dtype);
  require(x.n() == y.n() && x.h() == y.h() && x.w() == y.w(), "x and y differ in batch, height or width");
  slice(x, from, count);
  slice(y, to, count);
  apart(x, y);
}

void dropout_mask(const Tensor& y, double p, uint32_t, uint32_t, double step) {
  typed(y, "y", Layout::dense);
  require(p >= 0 && p < 1, "p is not in [0, 1)");
  require(step >= 0 && step < 9007199254740992.0, "step is out of range");
}

void conv2d_packed_elements(const Conv2d& c, int64_t out_channels, int64_t in_channels, int64_t kernel, ConvPass) {
  conv(c, kernel);
  require(out_channels >= 1 && in_channels >= 1 && out_channels <= 65536 && in_channels <= 65536, "channels are out of range");
}

void conv2d_pack(const Conv2d& c, const Tensor& w, const Tensor& m, const Tensor& theta, ConvPass, const Tensor& packed) {
  described(c, w, m, theta);
  typed(packed, "packed", Layout::packed);
}

void conv2d_forward(const Conv2d& c, const Tensor& x, const Tensor& packed, int64_t kernel, const Tensor& bias, const Tensor& y) {
  conv(c, kernel);
  typed(packed, "packed", Layout::packed);
  features(y, "y");
  features(x, "x", {y.n(), x.c(), c.height, c.width}, c.dtype);
  features(y, "y", {x.n(), y.c(), out_extent(c.height, kernel, c.stride, c.padding), out_extent(c.width, kernel, c.stride, c.padding)},
           c.dtype);
  if (bias) dense(bias, "bias", {y.c()});
  apart(x, y);
}

void conv2d_data_grad(const Conv2d& c, const Tensor& dy, const Tensor& packed, int64_t kernel, const Tensor& dx) {
  conv2d_forward(c, dx, packed, kernel, Tensor{}, dy);
}

void conv2d_weight_grad(const Conv2d& c, const Tensor& x, const Tensor& dy, const Tensor& w, const Tensor& m,
                        const Tensor& theta, const Tensor& dw, const Tensor& dm, const Tensor& dtheta, const Tensor& dbias) {
  described(c, w, m, theta);
  const int64_t k = w.shape[2];
  features(dy, "dy");
  features(x, "x", {dy.n(), w.shape[1], c.height, c.width}, c.dtype);
  features(dy, "dy", {x.n(), w.shape[0], out_extent(c.height, k, c.stride, c.padding), out_extent(c.width, k, c.stride, c.padding)},
           c.dtype);
  alike(dw, "dw", w, "w");
  if (dm) alike(dm, "dm", m, "m");
  if (dtheta) dense(dtheta, "dtheta", {1});
  if (dbias) dense(dbias, "dbias", {w.shape[0]});
}

void batch_norm_moments(const Tensor& x, float, float, const Tensor& mean, const Tensor& inv_std, const Tensor& running_mean,
                        const Tensor& running_var) {
  features(x, "x");
  require(x.n() * x.h() * x.w() > 1, "batch norm in training needs more than one value a channel");
  for (const Tensor& t : {mean, inv_std, running_mean, running_var}) dense(t, "a statistic", {x.c()});
}

void batch_norm_inv_std(const Tensor& var, float, const Tensor& inv_std) {
  floats(var, "var");
  alike(inv_std, "inv_std", var, "var");
}

void batch_norm_forward(const Tensor& x, const Tensor& mean, const Tensor& inv_std, const Tensor& gamma, const Tensor& beta,
                        const Tensor& residual, bool, const Tensor& y) {
  features(x, "x");
  for (const Tensor& t : {mean, inv_std, gamma, beta}) dense(t, "a statistic", {x.c()});
  if (residual) alike(residual, "residual", x, "x");
  alike(y, "y", x, "x");
}

void batch_norm_backward(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& mean, const Tensor& inv_std,
                         const Tensor& gamma, bool, const Tensor& dx, const Tensor& dresidual, const Tensor& dgamma,
                         const Tensor& dbeta) {
  features(x, "x");
  if (y) alike(y, "y", x, "x");
  alike(dy, "dy", x, "x");
  for (const Tensor& t : {mean, inv_std, gamma, dgamma, dbeta}) dense(t, "a statistic", {x.c()});
  alike(dx, "dx", x, "x");
  if (dresidual) alike(dresidual, "dresidual", x, "x");
}

void max_pool2d_forward(const Tensor& x, int kernel, int stride, int padding, const Tensor& y, const Tensor& taps) {
  pooling(x, "x", kernel, stride, padding);
  const auto shape = {x.n(), x.c(), out_extent(x.h(), kernel, stride, padding), out_extent(x.w(), kernel, stride, padding)};
  features(y, "y", shape, x.dtype);
  features(taps, "taps", shape, DType::u8);
}

void max_pool2d_backward(const Tensor& dy, const Tensor& taps, int kernel, int stride, int padding, const Tensor& dx) {
  max_pool2d_forward(dx, kernel, stride, padding, dy, taps);
}

void adaptive_avg_pool2d_forward(const Tensor& x, const Tensor& y, int64_t channel) {
  features(x, "x");
  features(y, "y");
  typed(y, "y", x.dtype);
  require(x.n() == y.n(), "x and y differ in batch");
  slice(y, channel, x.c());
}

void adaptive_avg_pool2d_backward(const Tensor& dy, int64_t channel, const Tensor& dx) { adaptive_avg_pool2d_forward(dx, dy, channel); }

void global_avg_pool_forward(const Tensor& x, const Tensor& y) {
  features(x, "x");
  dense(y, "y", {x.n(), x.c()});
}

void global_avg_pool_backward(const Tensor& dy, const Tensor& dx) { global_avg_pool_forward(dx, dy); }

void resize_bilinear(const Tensor& x, const Tensor& y) {
  features(x, "x");
  features(y, "y", {x.n(), x.c(), y.h(), y.w()}, x.dtype);
}

void rotate(const Tensor& x, const Tensor& images, const Tensor& turns, bool, const Tensor& y) {
  typed(x, "x", Layout::features);
  features(y, "y", {y.n(), x.c(), x.h(), x.w()}, DType::f32);
  dense(images, "images", {y.n()}, DType::i32);
  dense(turns, "turns", {y.n(), 2});
  apart(x, y);
}

void resized_crop(const Tensor& x, const Tensor& crops, const Tensor& y) {
  typed(x, "x", Layout::features);
  features(y, "y", {y.n(), x.c(), y.h(), y.w()}, DType::f32);
  dense(crops, "crops", {y.n(), 6}, DType::i32);
  apart(x, y);
}

void mix_colours(const Tensor& x, const Tensor& colours, const Tensor& y) {
  features(x, "x", {x.n(), 3, x.h(), x.w()}, DType::f32);
  dense(colours, "colours", {x.n(), 10});
  alike(y, "y", x, "x");
}

void linear_forward(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& y) {
  matrix(x, "x");
  matrix(w, "w");
  dense(w, "w", {w.shape[0], x.shape[1]});
  if (b) dense(b, "b", {w.shape[0]});
  dense(y, "y", {x.shape[0], w.shape[0]});
}

void linear_data_grad(const Tensor& dy, const Tensor& w, const Tensor& dx) { linear_forward(dx, w, Tensor{}, dy); }

void linear_weight_grad(const Tensor& x, const Tensor& dy, const Tensor& dw, const Tensor& db) { linear_forward(x, dw, db, dy); }

void feature_norm_forward(const Tensor& x, const Tensor& y) {
  matrix(x, "x");
  alike(y, "y", x, "x");
}

void feature_norm_backward(const Tensor& x, const Tensor& dy, const Tensor& dx) {
  feature_norm_forward(x, dx);
  alike(dy, "dy", x, "x");
}

void l2_normalize_forward(const Tensor& x, double eps, const Tensor& y) {
  feature_norm_forward(x, y);
  require(eps > 0, "eps is not positive");
}

void l2_normalize_backward(const Tensor& x, const Tensor& dy, double eps, const Tensor& dx) {
  l2_normalize_forward(x, eps, dx);
  alike(dy, "dy", x, "x");
}

void take_rows(const Tensor& x, const Tensor& rows, const Tensor& y) {
  typed(x, "x", Layout::dense);
  typed(y, "y", Layout::dense);
  bool same = x.rank >= 1 && y.rank == x.rank;
  for (int i = 1; same && i < x.rank; ++i) same = y.shape[i] == x.shape[i];
  if (!same) fail("x is " + shape_text(x) + " and y is " + shape_text(y) + ", rows of one shape are needed");
  dense(rows, "rows", {y.shape[0]}, DType::i32);
  apart(x, y);
}

void unit_columns(const Tensor& w) { matrix(w, "w"); }

void align_heads(const TensorList& w, double alpha, double eps, const Tensor& cosine) {
  require(w.count >= 2 && w.count <= 16, "there are not 2 to 16 heads");
  for (int64_t k = 0; k < w.count; ++k) {
    typed(w[k], "a head", Layout::dense);
    alike(w[k], "a head", w[0], "the first");
    for (int64_t j = 0; j < k; ++j) apart(w[j], w[k]);
  }
  require(alpha >= 0 && alpha <= 1, "alpha is not in [0, 1]");
  require(eps >= 0, "eps is negative");
  scalar(cosine, "cosine");
}

void log_softmax_forward(const Tensor& x, const Tensor& y) { feature_norm_forward(x, y); }
void log_softmax_backward(const Tensor& y, const Tensor& dy, const Tensor& dx) { feature_norm_backward(y, dy, dx); }

void cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& loss, const Tensor& dlogits) {
  matrix(logits, "logits");
  dense(labels, "labels", {logits.shape[0]}, DType::i32);
  scalar(loss, "loss");
  if (dlogits) alike(dlogits, "dlogits", logits, "logits");
}

void bce_with_logits(const Tensor& logits, const Tensor& labels, const Tensor& loss, const Tensor& dlogits) {
  typed(logits, "logits", Layout::dense);
  dense(labels, "labels", {logits.elements()}, DType::i32);
  scalar(loss, "loss");
  if (dlogits) alike(dlogits, "dlogits", logits, "logits");
}

void mse(const Tensor& a, const Tensor& b, const Tensor& loss, const Tensor& da) {
  floats(a, "a");
  alike(b, "b", a, "a");
  scalar(loss, "loss");
  if (da) alike(da, "da", a, "a");
}

void triplet(const Tensor& x, const Tensor& labels, float, Mining, bool, const Tensor& loss, const Tensor& dx) {
  matrix(x, "x");
  dense(labels, "labels", {x.shape[0]}, DType::i32);
  scalar(loss, "loss");
  if (dx) alike(dx, "dx", x, "x");
}

void supcon(const Tensor& x, const Tensor& labels, double temperature, double base_temperature, const Tensor& loss, const Tensor& dx) {
  typed(x, "x", Layout::dense);
  if (x.rank != 2 && x.rank != 3) fail("x has shape " + shape_text(x) + ", rows are needed");
  dense(labels, "labels", {x.elements() / x.shape[x.rank - 1]}, DType::i32);
  scalar(loss, "loss");
  if (dx) alike(dx, "dx", x, "x");
  require(temperature > 0 && base_temperature > 0, "a temperature is not positive");
}

void grad_cam(const Tensor& activation, const Tensor& gradient, const Tensor& raw) {
  features(activation, "activation");
  alike(gradient, "gradient", activation, "activation");
  features(raw, "raw", {activation.n(), 1, activation.h(), activation.w()}, DType::f32);
}

void unit_range(const Tensor& x, const Tensor& y) {
  typed(x, "x", Layout::features);
  alike(y, "y", x, "x");
}

void all_finite(const TensorList& x, const Tensor& finite) {
  for (int64_t k = 0; k < x.count; ++k) typed(x[k], "x", Layout::dense);
  scalar(finite, "finite");
}

void adam(const TensorList& p, const TensorList& g, const TensorList& m, const TensorList& v, double, double, double, double,
          double, double step, const Tensor& finite) {
  lists(p, g);
  lists(p, m);
  lists(p, v);
  require(step >= 1, "step counts from 1");
  if (finite) scalar(finite, "finite");
}

void sgd(const TensorList& p, const TensorList& g, const TensorList& buffer, double, double, double, bool, const Tensor& finite) {
  lists(p, g);
  lists(p, buffer);
  if (finite) scalar(finite, "finite");
}

}  // namespace ldc::check
