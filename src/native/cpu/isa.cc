#include "isa.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace ldc::cpu {

// Defined in make_cpu_kernels.cc, which is compiled once for each instruction set.
namespace scalar {
Kernels* make_cpu_kernels(Pool& pool, Scratch& scratch);
}
#if defined(__x86_64__) && !defined(LDC_SCALAR_ONLY)
namespace avx2 {
Kernels* make_cpu_kernels(Pool& pool, Scratch& scratch);
}
namespace avx512 {
Kernels* make_cpu_kernels(Pool& pool, Scratch& scratch);
}
#endif

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::avx512: return "avx512";
    case Isa::avx2: return "avx2";
    default: return "scalar";
  }
}

bool supported(Isa isa) {
#if defined(__x86_64__) && !defined(LDC_SCALAR_ONLY)
  switch (isa) {
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512bw");
    case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    default: return true;
  }
#else
  return isa == Isa::scalar;
#endif
}

Isa choose_isa() {
  const char* wanted = std::getenv("LDC_ISA");
  if (wanted == nullptr || *wanted == 0) {
    if (supported(Isa::avx512)) return Isa::avx512;
    return supported(Isa::avx2) ? Isa::avx2 : Isa::scalar;
  }
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (std::string(wanted) != name_of(isa)) continue;
    if (!supported(isa)) throw std::runtime_error(std::string("LDC_ISA=") + wanted + ": this processor does not have it");
    return isa;
  }
  throw std::runtime_error(std::string("LDC_ISA=") + wanted + " is not one of scalar, avx2, avx512");
}

std::unique_ptr<Kernels> make_kernels(Isa isa, Pool& pool, Scratch& scratch) {
#if defined(__x86_64__) && !defined(LDC_SCALAR_ONLY)
  if (isa == Isa::avx512) return std::unique_ptr<Kernels>(avx512::make_cpu_kernels(pool, scratch));
  if (isa == Isa::avx2) return std::unique_ptr<Kernels>(avx2::make_cpu_kernels(pool, scratch));
#endif
  (void)isa;
  return std::unique_ptr<Kernels>(scalar::make_cpu_kernels(pool, scratch));
}

}  // namespace ldc::cpu
