// Random numbers without state: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) gives the
// same bits as on every other device. One thread draws the four words of four elements.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

struct Words {
  uint32_t w[4];
};

// The round constants are those of the paper.
LDC_DEVICE Words philox4x32_10(Words counter, uint32_t key0, uint32_t key1) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMultiplier0 * counter.w[0], product1 = kMultiplier1 * counter.w[2];
    counter = {{static_cast<uint32_t>(product1 >> 32) ^ counter.w[1] ^ key0, static_cast<uint32_t>(product1),
                static_cast<uint32_t>(product0 >> 32) ^ counter.w[3] ^ key1, static_cast<uint32_t>(product0)}};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return counter;
}

}  // namespace

void CudaKernels::dropout_mask(const Tensor& y, double p, uint32_t seed, uint32_t purpose, double step) {
  const Global<float> out = output(y);
  const uint64_t at_step = static_cast<uint64_t>(step);
  const uint32_t low = static_cast<uint32_t>(at_step), high = static_cast<uint32_t>(at_step >> 32);
  const uint64_t threshold = static_cast<uint64_t>(p * 4294967296.0);
  const float kept = static_cast<float>(1.0 / (1.0 - p));
  const int64_t elements = y.elements();
  each(stream_, ceil_div(elements, 4), [=] LDC_LAMBDA(int64_t group) {
    const Words random = philox4x32_10({{static_cast<uint32_t>(group), 0, low, high}}, seed, purpose);
    for (int k = 0; k < 4; ++k) {
      if (4 * group + k < elements) out[4 * group + k] = random.w[k] >= threshold ? kept : 0.0f;
    }
  });
}

}  // namespace ldc::cuda::LDC_TARGET
