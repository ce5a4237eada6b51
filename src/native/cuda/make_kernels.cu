// Makes the kernels of the target this file is compiled for.
#include "make_kernels.h"

#include "cuda_kernels.h"

namespace ldc::cuda::LDC_TARGET {

Kernels* make_kernels(Stream stream, Memory& memory, Precision precision) { return new CudaKernels(stream, memory, precision); }

}  // namespace ldc::cuda::LDC_TARGET
