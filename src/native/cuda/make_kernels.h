// What a device needs of the kernels, without their class.
#pragma once

#include "contract.h"
#include "memory.h"

namespace ldc::cuda::LDC_TARGET {

// On `stream`, with working memory from `memory`; both outlive the kernels. The caller owns the result.
Kernels* make_kernels(Stream stream, Memory& memory, Precision precision);

}  // namespace ldc::cuda::LDC_TARGET
