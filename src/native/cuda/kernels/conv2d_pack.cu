// Convolution weights in kernel order: [tap, N, K], K side by side, where N and K are the stored (padded) channels that the pass
// writes and reads: O and I forward, I and O for the data gradient. Padding is zero, so padded output channels come out as zero.
// TF32 is rounded to here, once, so that the kernel's inner loop rounds one operand only.
#include "conv2d_descriptor.h"

namespace ldc::cuda::LDC_TARGET {

int64_t CudaKernels::conv2d_packed_elements(const Conv2d&, int64_t out_channels, int64_t in_channels, int64_t kernel, ConvPass) const {
  return kernel * kernel * stored_channels(out_channels) * stored_channels(in_channels);
}

void CudaKernels::conv2d_pack(const Conv2d& conv, const Tensor& w, const Tensor& m, const Tensor& theta, ConvPass pass,
                              const Tensor& packed) {
  const int64_t outputs = w.shape[0], inputs = w.shape[1];
  const bool forward = pass == ConvPass::forward, round = precision_ == Precision::tf32;
  const int64_t n_stored = stored_channels(forward ? outputs : inputs), k_stored = stored_channels(forward ? inputs : outputs);
  const EffectiveWeight weight = effective_weight(conv, w, m, theta);
  const Global<float> out = output(packed);
  each(stream_, n_stored * k_stored, [=] LDC_LAMBDA(int64_t place) {
    const int64_t n = place / k_stored, k = place % k_stored, o = forward ? n : k, i = forward ? k : n;
    const bool there = o < outputs && i < inputs;
    for (int64_t tap = 0; tap < weight.taps; ++tap) {
      const float value = there ? weight.at(o * inputs + i, tap) : 0.0f;
      out[tap * n_stored * k_stored + place] = round ? round_tf32(value) : value;
    }
  });
}

}  // namespace ldc::cuda::LDC_TARGET
