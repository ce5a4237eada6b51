// What convolutions multiply in. Sums are float32 always.
#pragma once

#include <stdexcept>
#include <string>

namespace ldc::cuda {

enum class Precision : int { fp32, tf32, bf16 };

constexpr const char* name_of(Precision precision) {
  return precision == Precision::fp32 ? "fp32" : precision == Precision::tf32 ? "tf32" : "bf16";
}

// Throws std::invalid_argument.
inline Precision precision_of(const std::string& name) {
  for (const Precision precision : {Precision::fp32, Precision::tf32, Precision::bf16}) {
    if (name == name_of(precision)) return precision;
  }
  throw std::invalid_argument("a precision is fp32, tf32 or bf16, not '" + name + "'");
}

}  // namespace ldc::cuda
