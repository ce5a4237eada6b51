// A caching allocator in the order of the stream: blocks by size class, taken from the driver once and kept.
//
// A training step asks for the same sizes in the same order, so after the first step nothing is taken from the driver any
// more. A released block may be handed out at once, because whatever uses it next is submitted later to the same stream.
#pragma once

#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <vector>

#include "memory.h"

namespace ldc::cuda {

class Pool final : public Memory {
 public:
  // take: bytes from the driver, null where there are none left; give: back to the driver.
  Pool(std::function<void*(size_t)> take, std::function<void(void*)> give) : take_(std::move(take)), give_(std::move(give)) {}
  ~Pool() override;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void* allocate(size_t bytes) override;
  void release(void* data) override;
  MemoryStats stats() const override { return stats_; }

 private:
  void give_back_free_blocks();

  std::function<void*(size_t)> take_;
  std::function<void(void*)> give_;
  std::map<size_t, std::vector<void*>> free_;  // by size class
  std::map<void*, size_t> used_;               // with its size class
  MemoryStats stats_;
};

// The size class of a request: eight classes for every power of two, so that at most an eighth is wasted.
inline size_t size_class(size_t bytes) {
  constexpr size_t kLeast = 512;
  if (bytes <= kLeast) return kLeast;
  const size_t unit = std::max<size_t>(std::bit_floor(bytes - 1) / 8, 256);
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace ldc::cuda
