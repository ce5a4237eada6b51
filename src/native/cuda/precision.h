// What convolutions multiply in. Sums are float32 always.
#pragma once

namespace ldc::cuda {

enum class Precision : int { fp32, tf32, bf16 };

constexpr const char* name_of(Precision precision) {
  return precision == Precision::fp32 ? "fp32" : precision == Precision::tf32 ? "tf32" : "bf16";
}

}  // namespace ldc::cuda
