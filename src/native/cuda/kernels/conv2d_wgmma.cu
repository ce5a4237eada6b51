// Convolution, forward and data gradient, by warp-group MMA in TF32 or BF16 (compute capability 9.0): blocks of conv2d_tile.h, in which
// each of two warp groups multiplies 64 pixels x kN channels.
//
// Weights are read from shared memory by the tensor cores themselves, through a descriptor: rows of 32 words of K whose 16-byte
// groups are swizzled by the row (the 128-byte mode), so that neither copies nor reads meet bank conflicts. Pixels in BF16 are too; float32
// goes through registers, since TF32 operands in shared memory would be cut off, not rounded, which the limits of docs/cuda.md do not allow.
#include <type_traits>

#include "conv2d_tile.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

template <int kChannels, class T>
class WgmmaTile {
 public:
  using Stored = T;
  static constexpr bool kHalves = std::is_same_v<T, Bf16>;
  // Words of a row of weights, and of pixels.
  static constexpr int kK = 32, kRow = kHalves ? kK : kK + 4;
  static constexpr int kN = kChannels, kThreads = 2 * kWarpGroup, kStage = kN * kK + kM * kRow;
  // Swizzling follows the address: the rows of weights come first, and each stage begins where the pattern does.
  static_assert(kStage * sizeof(float) % kSwizzlePeriod == 0 && kN * kK * sizeof(float) % kSwizzlePeriod == 0);

  LDC_DEVICE static int place_a(int row, int group) { return kN * kK + (kHalves ? place_b(row, group) : row * kRow + 4 * group); }
  LDC_DEVICE static int place_b(int row, int group) { return row * kK + 4 * (group ^ row % 8); }
  // The tensor cores read through the asynchronous proxy, the copies were made through the generic one.
  LDC_DEVICE static void arrived() { fence_async_proxy(); }

  LDC_DEVICE WgmmaTile()
      : lane_(static_cast<int>(threadIdx.x) % kWarp), row_(static_cast<int>(threadIdx.x) / kWarp * 16) {
    sum_.clear();
  }

  // Half a step at a time: floats of the second half are rounded while the first is multiplied.
  static constexpr bool kAsynchronous = true;
  LDC_DEVICE void multiply(Shared<float> stage) {
#pragma unroll
    for (int half = 0; half < kK; half += 16) {
      [[maybe_unused]] uint32_t a[2][4];
      if constexpr (!kHalves) {
#pragma unroll
        for (int k = 0; k < 2; ++k) {
          // Matrices: rows 0-7 and 8-15 of K 0-3, then of K 4-7.
          load_matrix(a[k], stage + (kN * kK + (row_ + lane_ % 16) * kRow + half + 8 * k + lane_ / 16 * 4));
#pragma unroll
          for (int e = 0; e < 4; ++e) a[k][e] = tf32_bits(bits_float(a[k][e]));
        }
      }
      wgmma_fence();
#pragma unroll
      for (int k = 0; k < 2; ++k) {
        const uint64_t weights = swizzled_rows(stage + (half + 8 * k));
        if constexpr (kHalves) {
          const int first = static_cast<int>(threadIdx.x) / kWarpGroup * 64;  // pixel of the warp group
          wgmma_bf16(sum_, swizzled_rows(stage + (kN * kK + first * kRow + half + 8 * k)), weights);
        } else {
          wgmma_tf32(sum_, a[k], weights);
        }
      }
      wgmma_commit();
    }
  }
  LDC_DEVICE void settle() {
    wgmma_wait<0>();
    sum_.settled();
  }

  LDC_DEVICE void write(const Writer<T>& to) const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int64_t at = to.offset(row_ + 8 * half + lane_ / 4);
      if (at < 0) continue;
#pragma unroll
      for (int j = 0; j < kN / 8; ++j) {
        const int n = static_cast<int>(blockIdx.y) * kN + 8 * j + lane_ % 4 * 2;
        if (n >= to.shape.out_c) continue;
        store2(to.y + (at + n), sum_[4 * j + 2 * half] + to.offset_of(n), sum_[4 * j + 2 * half + 1] + to.offset_of(n + 1));
      }
    }
  }

 private:
  const int lane_, row_;
  WgmmaSum<kN> sum_;
};

template <class Tile>
LDC_KERNEL void LDC_BOUNDS(Tile::kThreads, 2) conv2d_wgmma_kernel(ConvShape shape, Global<const typename Tile::Stored> x,
                                                                  Global<const typename Tile::Stored> w, Global<const float> bias,
                                                                  int channels, Global<typename Tile::Stored> y) {
  LDC_DYNAMIC_SHARED(float, stages);
  convolve_block<Tile>(shape, x, w, bias, channels, y, stages);
}

// Narrow tiles where wide ones would leave more than half of the multiprocessors without work. The bits are the same.
template <class T>
void convolve(const ConvCall<T>& call) {
  if (call.shape.out_c <= 64 || 2 * call.blocks(128) <= multiprocessors()) {
    start<WgmmaTile<64, T>>(call, conv2d_wgmma_kernel<WgmmaTile<64, T>>);
  } else {
    start<WgmmaTile<128, T>>(call, conv2d_wgmma_kernel<WgmmaTile<128, T>>);
  }
}

}  // namespace

void convolve_by_wgmma(const ConvCall<float>& call) { convolve(call); }
void convolve_by_wgmma(const ConvCall<Bf16>& call) { convolve(call); }

}  // namespace ldc::cuda::LDC_TARGET
