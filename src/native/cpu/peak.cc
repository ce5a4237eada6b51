#include "peak.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <new>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ldc::cpu {

namespace {

template <class Body>
double best_seconds(int repeats, const Body& body) {
  double best = 1e30;
  for (int i = 0; i <= repeats; ++i) {  // the first warms up
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (i > 0 && taken.count() < best) best = taken.count();
  }
  return best;
}

#if defined(__x86_64__)

typedef float Lanes8 __attribute__((vector_size(32)));
typedef float Lanes16 __attribute__((vector_size(64)));

// Twelve (AVX2) or 24 (AVX-512) independent chains: enough to hide the latency of the instruction.
__attribute__((target("avx2,fma"), noinline)) void spin_avx2(int64_t rounds) {
  Lanes8 a[12] = {}, b = {}, c = {};
  b += 0.999f, c += 0.001f;
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) asm volatile("vfmadd213ps %2, %1, %0" : "+x"(a[i]) : "x"(b), "x"(c));
  }
}
__attribute__((target("avx512f"), noinline)) void spin_avx512(int64_t rounds) {
  Lanes16 a[24] = {}, b = {}, c = {};
  b += 0.999f, c += 0.001f;
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 24
    for (int i = 0; i < 24; ++i) asm volatile("vfmadd213ps %2, %1, %0" : "+v"(a[i]) : "v"(b), "v"(c));
  }
}

#endif

__attribute__((noinline)) void spin_scalar(int64_t rounds) {
  float a[12] = {};
  for (int64_t r = 0; r < rounds; ++r) {
    for (int i = 0; i < 12; ++i) a[i] = std::fma(a[i], 0.999f, 0.001f);
    asm volatile("" : : "r"(a) : "memory");
  }
}

void spin(Isa isa, int64_t rounds) {
#if defined(__x86_64__)
  if (isa == Isa::avx512 || isa == Isa::amx) return spin_avx512(rounds);
  if (isa == Isa::avx2) return spin_avx2(rounds);
#endif
  spin_scalar(rounds);
}

// Multiply-adds of one round.
double fmas_of_round(Isa isa) { return isa == Isa::avx512 || isa == Isa::amx ? 24 * 16 : isa == Isa::avx2 ? 12 * 8 : 12; }

void triad(const float* b, const float* c, float* a, int64_t n) {
  int64_t i = 0;
#if defined(__x86_64__)
  for (; i + 4 <= n; i += 4) _mm_stream_ps(a + i, _mm_add_ps(_mm_load_ps(b + i), _mm_mul_ps(_mm_set1_ps(3), _mm_load_ps(c + i))));
  _mm_sfence();
#endif
  for (; i < n; ++i) a[i] = b[i] + 3 * c[i];
}

// Processor time of the calling thread, in seconds: what other jobs on the machine do not spoil.
double processor_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

}  // namespace

// The sum over threads of `flops` by the best processor time of body().
template <class Body>
static double best_gflops(Pool& pool, double flops, const Body& body) {
  constexpr int kRepeats = 24;
  const int threads = pool.threads();
  std::vector<double> best(static_cast<size_t>(threads), 1e30);
  pool.each(threads, [&](int64_t item, int) {
    for (int i = 0; i < kRepeats; ++i) {
      const double start = processor_seconds();
      body();
      best[static_cast<size_t>(item)] = std::min(best[static_cast<size_t>(item)], processor_seconds() - start);
    }
  });
  double sum = 0;
  for (double seconds : best) sum += flops / seconds * 1e-9;
  return sum;
}

double fma_gflops(Pool& pool, Isa isa) {
  const int64_t rounds = isa == Isa::scalar || isa == Isa::emulated_amx ? 20000 : 200000;
  return best_gflops(pool, 2 * fmas_of_round(isa) * static_cast<double>(rounds), [&] { spin(isa, rounds); });
}

double tile_gflops(Pool& pool, Isa isa) {
  constexpr int64_t kRounds = 20000;
  Scratch scratch;
  const auto tiles = make_tiles(isa, pool, scratch);
  return best_gflops(pool, 4 * 2 * 16 * 16 * 32 * static_cast<double>(kRounds), [&] { tiles->spin(kRounds); });
}

double triad_gigabytes(Pool& pool) {
  constexpr int64_t kFloats = int64_t{24} << 20, kPiece = int64_t{1} << 16;  // an array: 96 MiB
  constexpr size_t kBytes = 3 * kFloats * sizeof(float);
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  madvise(memory, kBytes, MADV_HUGEPAGE);
  float *a = static_cast<float*>(memory), *b = a + kFloats, *c = b + kFloats;
  pool.each(3 * kFloats / kPiece, [&](int64_t piece, int) {
    for (int64_t i = 0; i < kPiece; ++i) a[piece * kPiece + i] = 1;
  });
  const double seconds = best_seconds(5, [&] {
    pool.each(kFloats / kPiece, [&](int64_t piece, int) {
      const int64_t at = piece * kPiece;
      triad(b + at, c + at, a + at, kPiece);
    });
  });
  munmap(memory, kBytes);
  return static_cast<double>(kBytes) / seconds * 1e-9;
}

}  // namespace ldc::cpu
