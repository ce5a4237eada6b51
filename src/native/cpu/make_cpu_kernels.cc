// Makes the kernels of the instruction set this file is compiled for.
#include "cpu_kernels.h"

namespace ldc::cpu::LDC_ISA {

Kernels* make_cpu_kernels(Pool& pool, Scratch& scratch, TileConvolution* tiles) { return new CpuKernels(pool, scratch, tiles); }

}  // namespace ldc::cpu::LDC_ISA
