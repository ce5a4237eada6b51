// The CPU device's memory: one address range that grows and never shrinks, with best-fit reuse and coalescing.
//
// A training step asks for the same sizes in the same order every time, so after the first step nothing is taken from the
// system any more. That matters: on virtual machines mapping fresh pages costs as much as computing what goes into them.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

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
  void insert_free(size_t offset, size_t size);
  void erase_free(std::map<size_t, size_t>::iterator block);

  char* base_ = nullptr;
  size_t range_ = 0;      // address space set aside
  size_t committed_ = 0;  // usable part of it
  size_t top_ = 0;        // end of the highest block ever in use
  std::map<size_t, size_t> free_;                       // offset -> size
  std::set<std::pair<size_t, size_t>> free_by_size_;    // (size, offset)
  std::map<size_t, size_t> used_;                       // offset -> size
  MemoryStats stats_;
};

}  // namespace ldc::cpu
