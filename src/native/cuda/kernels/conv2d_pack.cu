// Convolution weights in kernel order: [tap, N, K], K side by side, where N and K are the stored (padded) channels that the pass
// writes and reads: O and I forward, I and O for the data gradient. Padding is zero, so padded output channels come out as zero.
// They are in the type of the features; TF32 is rounded to here, once, so that the kernel's inner loop rounds one operand only.
#include "conv2d_descriptor.h"

namespace ldc::cuda::LDC_TARGET {

int64_t CudaKernels::conv2d_packed_elements(const Conv2d& conv, int64_t out_channels, int64_t in_channels, int64_t kernel,
                                            ConvPass) const {
  const int64_t weights = kernel * kernel * stored_channels(out_channels, conv.dtype) * stored_channels(in_channels, conv.dtype);
  return conv.dtype == DType::bf16 ? weights / 2 : weights;
}

void CudaKernels::conv2d_pack(const Conv2d& conv, const Tensor& w, const Tensor& m, const Tensor& theta, ConvPass pass,
                              const Tensor& packed) {
  const int64_t outputs = w.shape[0], inputs = w.shape[1];
  const bool forward = pass == ConvPass::forward, round = precision_ == Precision::tf32;
  const int64_t n_stored = stored_channels(forward ? outputs : inputs, conv.dtype);
  const int64_t k_stored = stored_channels(forward ? inputs : outputs, conv.dtype);
  const EffectiveWeight weight = effective_weight(conv, w, m, theta);
  const Features out = features(packed);
  each(stream_, conv.dtype, n_stored * k_stored, [=] LDC_LAMBDA(auto lanes, int64_t place) {
    const int64_t n = place / k_stored, k = place % k_stored, o = forward ? n : k, i = forward ? k : n;
    const int64_t pair = o * inputs + i;
    const bool there = o < outputs && i < inputs, centred = weight.changes_centre();
    const float centre = there && centred ? weight.centre(pair) : 0.0f;
#pragma unroll 1  // nine at most; a copy for every kind would only be longer
    for (int64_t tap = 0; tap < weight.taps; ++tap) {
      const float value = centred && tap == 4 ? centre : there ? weight.at(pair, tap) : 0.0f;
      lanes.store(out, tap * n_stored * k_stored + place, round ? round_tf32(value) : value);
    }
  });
}

}  // namespace ldc::cuda::LDC_TARGET
