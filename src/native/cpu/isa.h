// Which instruction set the CPU kernels run on, chosen once from cpuid or LDC_ISA.
#pragma once

#include <memory>

#include "../kernels.h"
#include "pool.h"
#include "scratch.h"

namespace ldc::cpu {

enum class Isa : int { scalar, avx2, avx512 };

const char* name_of(Isa isa);
bool supported(Isa isa);
// LDC_ISA=scalar|avx2|avx512 if set (throws std::runtime_error when this machine lacks it), else the best there is.
Isa choose_isa();
std::unique_ptr<Kernels> make_kernels(Isa isa, Pool& pool, Scratch& scratch);

}  // namespace ldc::cpu
