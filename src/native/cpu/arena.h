// The CPU device's memory: one address range that grows and never shrinks, with reuse at the lowest address and coalescing.
//
// The lowest block that is large enough, not the one that fits best: what a step keeps gathers at the bottom, and the largest gap
// stays at the top, where the stem's gradients need it (180 MB less for the activation network).
//
// A training step asks for the same sizes in the same order every time, so after the first step nothing is taken from the
// system any more. That matters: on virtual machines mapping fresh pages costs as much as computing what goes into them.
#pragma once

#include <cstddef>
#include <map>

#include "../device.h"

namespace ldc::cpu {

class Arena {
 public:
  Arena();
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* allocate(size_t bytes);  // 64-byte aligned; throws std::bad_alloc
  void release(void* data);
  MemoryStats memory() const { return stats_; }

 private:
  void grow_to(size_t top);

  char* base_ = nullptr;
  size_t range_ = 0;      // address space set aside
  size_t committed_ = 0;  // usable part of it
  size_t top_ = 0;        // end of the highest block ever in use
  std::map<size_t, size_t> free_;  // offset -> size
  std::map<size_t, size_t> used_;  // offset -> size
  MemoryStats stats_;
};

}  // namespace ldc::cpu
