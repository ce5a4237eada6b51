// The convolutions of one tile unit (tile_convolution.h).
#pragma once

#include "../kernels/conv2d_axis.h"
#include "../kernels/conv2d_descriptor.h"
#include "lines.h"
#include "tile_convolution.h"
#include "unit.h"

namespace ldc::cpu::LDC_ISA::tiles {

using conv2d::Axis;
using conv2d::EffectiveWeight;
using conv2d::Part;

int64_t packed_elements(const Axis& axis, int64_t out_channels, int64_t in_channels);
void pack(Pool& pool, Scratch& scratch, const Axis& axis, const EffectiveWeight& weight, int64_t out_channels, int64_t in_channels,
          uint16_t* packed);
// y from x for the forward pass, dx from dy for the data gradient; bias or null.
void run(Pool& pool, Scratch& scratch, const Axis& axis, const Tensor& from, const uint16_t* packed, const float* bias,
         const Tensor& to);
void weight_grad(Pool& pool, Scratch& scratch, const Axis& axis, const Tensor& x, const Tensor& dy, const EffectiveWeight& weight,
                 const Tensor& dw, const Tensor& dm, const Tensor& dtheta);

}  // namespace ldc::cpu::LDC_ISA::tiles
