#include "isa.h"

#include <cstdlib>
#include <stdexcept>

#if defined(__x86_64__) && !defined(LDC_SCALAR_ONLY)
#define LDC_X86
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace ldc::cpu {

// Defined in make_cpu_kernels.cc and tiles/make_tile_convolution.cc, which are compiled once for each instruction set and tile unit.
namespace scalar {
Kernels* make_cpu_kernels(Pool& pool, Scratch& scratch, TileConvolution* tiles);
}
namespace emulated_amx {
TileConvolution* make_tile_convolution(Pool& pool, Scratch& scratch);
}
#ifdef LDC_X86
namespace avx2 {
Kernels* make_cpu_kernels(Pool& pool, Scratch& scratch, TileConvolution* tiles);
}
namespace avx512 {
Kernels* make_cpu_kernels(Pool& pool, Scratch& scratch, TileConvolution* tiles);
}
namespace amx {
TileConvolution* make_tile_convolution(Pool& pool, Scratch& scratch);
}

namespace {

// __builtin_cpu_supports of GCC 12 does not know AMX.
bool has_tiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  const bool tiles = d >> 24 & 1, bf16_products = d >> 22 & 1;
  return tiles && bf16_products && __builtin_cpu_supports("avx512bf16");
}

// The kernel hands the tiles' 8 KB of state to a process that asks for them (Linux 5.16), and refuses where a thread's alternate signal
// stack is too small for them.
bool tiles_permitted() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  static const bool permitted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return permitted;
}

}  // namespace
#endif

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::emulated_amx: return "emulated_amx";
    case Isa::amx: return "amx";
    case Isa::avx512: return "avx512";
    case Isa::avx2: return "avx2";
    default: return "scalar";
  }
}

std::string hindrance(Isa isa) {
  if (isa == Isa::scalar || isa == Isa::emulated_amx) return "";
#ifdef LDC_X86
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  const bool there = isa == Isa::avx2 ? avx2 : isa == Isa::avx512 ? avx512 : avx512 && has_tiles();
  if (there) return isa == Isa::amx && !tiles_permitted() ? "the kernel does not permit this process to use tiles" : "";
#endif
  return "this processor does not have it";
}

Isa choose_isa() {
  constexpr Isa kAll[] = {Isa::amx, Isa::avx512, Isa::avx2, Isa::scalar, Isa::emulated_amx};
  const char* wanted = std::getenv("LDC_ISA");
  if (wanted == nullptr || *wanted == 0) {
    for (Isa isa : kAll) {
      if (supported(isa)) return isa;
    }
  }
  for (Isa isa : kAll) {
    if (std::string(wanted) != name_of(isa)) continue;
    if (!supported(isa)) throw std::runtime_error(std::string("LDC_ISA=") + wanted + ": " + hindrance(isa));
    return isa;
  }
  throw std::runtime_error(std::string("LDC_ISA=") + wanted + " is not one of scalar, avx2, avx512, amx, emulated_amx");
}

std::unique_ptr<TileConvolution> make_tiles(Isa isa, Pool& pool, Scratch& scratch) {
#ifdef LDC_X86
  if (isa == Isa::amx) return std::unique_ptr<TileConvolution>(amx::make_tile_convolution(pool, scratch));
#endif
  if (isa != Isa::emulated_amx) return nullptr;
  return std::unique_ptr<TileConvolution>(emulated_amx::make_tile_convolution(pool, scratch));
}

std::unique_ptr<Kernels> make_kernels(Isa isa, Pool& pool, Scratch& scratch) {
  TileConvolution* tiles = make_tiles(isa, pool, scratch).release();  // the kernels own it
#ifdef LDC_X86
  if (isa == Isa::avx512 || isa == Isa::amx) return std::unique_ptr<Kernels>(avx512::make_cpu_kernels(pool, scratch, tiles));
  if (isa == Isa::avx2) return std::unique_ptr<Kernels>(avx2::make_cpu_kernels(pool, scratch, tiles));
#endif
  return std::unique_ptr<Kernels>(scalar::make_cpu_kernels(pool, scratch, tiles));
}

}  // namespace ldc::cpu
