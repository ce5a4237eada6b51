// The convolution kernels: which algorithm computes what.
#include "conv2d_direct.h"
#include "conv2d_tile.h"
#include "conv2d_winograd.h"

namespace ldc::cpu::LDC_ISA {

using namespace conv2d;

int64_t CpuKernels::conv2d_packed_elements(const Conv2d& conv, int64_t out_channels, int64_t in_channels, int64_t kernel,
                                           ConvPass pass) const {
  if (on_tiles(conv)) return ceil_div(tiles_->packed_elements(conv, out_channels, in_channels, kernel, pass), 2);
  const Method method = method_of(conv, out_channels, in_channels, kernel);
  if (method != Method::direct) return winograd_packed_elements(method, conv.dtype, out_channels, in_channels, pass);
  return direct_packed_elements(out_channels, in_channels, kernel, pass);
}

void CpuKernels::conv2d_pack(const Conv2d& conv, const Tensor& w, const Tensor& m, const Tensor& theta, ConvPass pass,
                             const Tensor& packed) {
  if (on_tiles(conv)) return tiles_->pack(conv, w, m, theta, pass, packed);
  const EffectiveWeight weight(conv, w, m, theta);
  const int64_t out_channels = w.shape[0], in_channels = w.shape[1], kernel = w.shape[2];
  const Method method = method_of(conv, out_channels, in_channels, kernel);
  if (method != Method::direct) {
    winograd_pack(pool_, scratch_, method, conv.dtype, pass, weight, out_channels, in_channels, packed.f32());
  } else {
    direct_pack(pool_, Axis(conv, kernel, pass), weight, out_channels, in_channels, packed.f32());
  }
}

void CpuKernels::conv2d_forward(const Conv2d& conv, const Tensor& x, const Tensor& packed, int64_t kernel,
                                const Tensor& bias, const Tensor& y) {
  if (on_tiles(conv)) return tiles_->forward(conv, x, packed, kernel, bias, y);
  const Method method = method_of(conv, y.c(), x.c(), kernel);
  if (method != Method::direct) {
    winograd_run(pool_, scratch_, method, x, packed.f32(), bias.f32(), y);
  } else {
    direct_run(pool_, scratch_, Axis(conv, kernel, ConvPass::forward), x, packed.f32(), bias.f32(), y);
  }
}

void CpuKernels::conv2d_data_grad(const Conv2d& conv, const Tensor& dy, const Tensor& packed, int64_t kernel,
                                  const Tensor& dx) {
  if (on_tiles(conv)) return tiles_->data_grad(conv, dy, packed, kernel, dx);
  const Method method = method_of(conv, dy.c(), dx.c(), kernel);
  if (method != Method::direct) {
    winograd_run(pool_, scratch_, method, dy, packed.f32(), nullptr, dx);
  } else {
    direct_run(pool_, scratch_, Axis(conv, kernel, ConvPass::data_grad), dy, packed.f32(), nullptr, dx);
  }
}

// Sums of dy over pixels, by image and channel, then over images in order.
static void bias_grad(Pool& pool, Scratch& scratch, const Tensor& dy, const Tensor& dbias) {
  const int64_t block = block_of(dy), stored = blocks_of(dy) * block, pixels = dy.h() * dy.w();
  double* sums = static_cast<double*>(scratch.get(dy.n() * stored * sizeof(double)));
  with_type(dy, [&]<class T>(const T* gradient) {
    pool.each(dy.n() * blocks_of(dy), [&](int64_t item, int) {
      double sum[Line<T>::kLanes] = {};
      for (int64_t i = 0; i < pixels; ++i) {
        float pixel[Line<T>::kLanes];
        load_line<Line<T>>(gradient + (item * pixels + i) * block, block).store(pixel);
        for (int64_t c = 0; c < block; ++c) sum[c] += static_cast<double>(pixel[c]);
      }
      for (int64_t c = 0; c < block; ++c) sums[item * block + c] = sum[c];
    });
  });
  for (int64_t c = 0; c < dy.c(); ++c) {
    double sum = 0;
    for (int64_t n = 0; n < dy.n(); ++n) sum += sums[n * stored + c];
    dbias.f32()[c] = static_cast<float>(sum);
  }
}

void CpuKernels::conv2d_weight_grad(const Conv2d& conv, const Tensor& x, const Tensor& dy, const Tensor& w, const Tensor& m,
                                    const Tensor& theta, const Tensor& dw, const Tensor& dm, const Tensor& dtheta,
                                    const Tensor& dbias) {
  if (on_tiles(conv)) {
    tiles_->weight_grad(conv, x, dy, w, m, theta, dw, dm, dtheta);
    if (dbias) bias_grad(pool_, scratch_, dy, dbias);
    return;
  }
  const EffectiveWeight weight(conv, w, m, theta);
  const Method method = method_of(conv, dy.c(), x.c(), w.shape[2]);
  if (method != Method::direct) {
    winograd_weight_grad(pool_, scratch_, method, x, dy, weight, dw, dm, dtheta);
  } else {
    direct_weight_grad(pool_, scratch_, conv, x, dy, weight, dw, dm, dtheta);
  }
  if (dbias) bias_grad(pool_, scratch_, dy, dbias);
}

}  // namespace ldc::cpu::LDC_ISA
