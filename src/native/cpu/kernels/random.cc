// Random numbers without state: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns
// (seed, purpose, step, element) into the same bits on every device and for any number of threads, so a resumed run draws
// what the uninterrupted one would have drawn.
#include "../cpu_kernels.h"
#include "loops.h"

namespace ldc::cpu::LDC_ISA {

namespace {

struct Words {
  uint32_t w[4];
};

// The round constants are those of the paper.
inline Words philox4x32_10(Words counter, uint32_t key0, uint32_t key1) {
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

void CpuKernels::dropout_mask(const Tensor& y, double p, uint32_t seed, uint32_t purpose, double step) {
  float* out = y.f32();
  const uint64_t at_step = static_cast<uint64_t>(step);
  const uint32_t low = static_cast<uint32_t>(at_step), high = static_cast<uint32_t>(at_step >> 32);
  const uint64_t threshold = static_cast<uint64_t>(p * 4294967296.0);
  const float kept = static_cast<float>(1.0 / (1.0 - p));
  const int64_t elements = y.elements();
  each_item(pool_, ceil_div(elements, 4), 64, [=](int64_t group) {
    const Words random = philox4x32_10({{static_cast<uint32_t>(group), 0, low, high}}, seed, purpose);
    for (int64_t i = 4 * group; i < least(elements, 4 * group + 4); ++i) out[i] = random.w[i % 4] >= threshold ? kept : 0.0f;
  });
}

}  // namespace ldc::cpu::LDC_ISA
