// Which instruction set the CPU kernels run on, chosen once from cpuid or LDC_ISA.
#pragma once

#include <memory>
#include <string>

#include "../kernels.h"
#include "pool.h"
#include "scratch.h"
#include "tiles/tile_convolution.h"

namespace ldc::cpu {

// amx: AVX-512, and convolutions of bf16 features on the processor's tiles. emulated_amx has its bits on any machine, slowly: scalar, with
// tiles that are emulated (tiles/unit.h), for tests.
enum class Isa : int { scalar, avx2, avx512, amx, emulated_amx };

const char* name_of(Isa isa);
// Why this machine cannot run it; empty where it can.
std::string hindrance(Isa isa);
inline bool supported(Isa isa) { return hindrance(isa).empty(); }
// LDC_ISA=scalar|avx2|avx512|amx|emulated_amx if set (throws std::runtime_error when this machine lacks it), else the best there is.
Isa choose_isa();
std::unique_ptr<Kernels> make_kernels(Isa isa, Pool& pool, Scratch& scratch);
// The tile unit of amx or emulated_amx alone.
std::unique_ptr<TileConvolution> make_tiles(Isa isa, Pool& pool, Scratch& scratch);

}  // namespace ldc::cpu
