// Convolutions of bf16 features on a tile unit: the same functions as in Kernels (kernels.h), for a device that has such a unit.
//
// Features lie as [N, blocks, H, W, 32] (features.h): a pixel's channels are one row of a tile, 16 neighbouring pixels a tile as they
// lie in memory, and a tap of the kernel is an offset.
#pragma once

#include <memory>

#include "../../kernels.h"
#include "../pool.h"
#include "../scratch.h"

namespace ldc::cpu {

class TileConvolution {
 public:
  virtual ~TileConvolution() = default;
  virtual int64_t packed_elements(const Conv2d& conv, int64_t out_channels, int64_t in_channels, int64_t kernel,
                                  ConvPass pass) const = 0;
  virtual void pack(const Conv2d& conv, const Tensor& w, const Tensor& m, const Tensor& theta, ConvPass pass,
                    const Tensor& packed) = 0;
  virtual void forward(const Conv2d& conv, const Tensor& x, const Tensor& packed, int64_t kernel, const Tensor& bias,
                       const Tensor& y) = 0;
  virtual void data_grad(const Conv2d& conv, const Tensor& dy, const Tensor& packed, int64_t kernel, const Tensor& dx) = 0;
  virtual void weight_grad(const Conv2d& conv, const Tensor& x, const Tensor& dy, const Tensor& w, const Tensor& m,
                           const Tensor& theta, const Tensor& dw, const Tensor& dm, const Tensor& dtheta) = 0;

  // For tests and measurements: c[16][16] += a[16][32] b[16][16][2] on the unit; its rate in GFLOP/s with all operands in the L1
  // cache, on all threads.
  virtual void multiply_tiles(const uint16_t* a, const uint16_t* b, float* c) const = 0;
  virtual void spin(int64_t rounds) const = 0;
};

}  // namespace ldc::cpu
