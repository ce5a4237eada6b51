// What the machine can do at best, measured: the yardstick for every figure that benchmarks and profiles print.
#pragma once

#include "isa.h"
#include "pool.h"

namespace ldc::cpu {

// GFLOP/s of independent fused multiply-adds in the registers of one instruction set, on all threads of the pool at once: each
// thread's best of a few runs, by its processor time, so that other jobs on the machine do not lower the yardstick.
double fma_gflops(Pool& pool, Isa isa);

// GFLOP/s of TDPBF16PS on 2 x 2 tiles with all loads from the L1 cache, in the same way; isa is amx.
double tile_gflops(Pool& pool, Isa isa);

// GB/s of a[i] = b[i] + s c[i] over arrays far larger than the caches, stores past the cache (STREAM's triad; the three arrays'
// bytes are counted): the best of a few runs.
double triad_gigabytes(Pool& pool);

}  // namespace ldc::cpu
