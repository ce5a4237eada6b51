#include "arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace ldc::cpu {

namespace {

constexpr size_t kAlign = 64;
constexpr size_t kGrowth = size_t{32} << 20;
constexpr size_t kHugePage = size_t{2} << 20;

constexpr size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

Arena::Arena() {
  for (size_t wanted = size_t{1} << 40; wanted >= (size_t{1} << 30); wanted >>= 1) {
    void* range = mmap(nullptr, wanted, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) continue;
    base_ = static_cast<char*>(range);
    range_ = wanted;
    return;
  }
  throw std::bad_alloc();
}

Arena::~Arena() { munmap(base_, range_); }

void Arena::grow_to(size_t top) {
  if (top <= committed_) return;
  const size_t wanted = round_up(top, kGrowth);
  if (wanted > range_) throw std::bad_alloc();
  if (mprotect(base_ + committed_, wanted - committed_, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  // Advice only: without huge pages everything works, with more page faults.
  const size_t first = round_up(committed_, kHugePage);
  if (wanted > first) madvise(base_ + first, wanted - first, MADV_HUGEPAGE);
  committed_ = wanted;
  stats_.reserved = committed_;
  ++stats_.growths;
}

void* Arena::allocate(size_t bytes) {
  const size_t size = round_up(std::max<size_t>(bytes, 1), kAlign);
  size_t offset;
  const auto fit = std::find_if(free_.begin(), free_.end(), [&](const auto& block) { return block.second >= size; });
  if (fit != free_.end()) {
    const auto [at, found] = *fit;
    offset = at;
    free_.erase(fit);
    if (found > size) free_.emplace(at + size, found - size);
  } else {
    // Nothing fits: extend, beginning with a free block at the very end if there is one.
    size_t begin = top_;
    if (!free_.empty() && std::prev(free_.end())->first + std::prev(free_.end())->second == top_) begin = std::prev(free_.end())->first;
    grow_to(begin + size);
    if (begin != top_) free_.erase(std::prev(free_.end()));
    top_ = begin + size;
    offset = begin;
  }
  used_.emplace(offset, size);
  stats_.live += size;
  stats_.peak = std::max(stats_.peak, stats_.live);
  return base_ + offset;
}

void Arena::release(void* data) {
  const auto block = used_.find(static_cast<size_t>(static_cast<char*>(data) - base_));
  size_t offset = block->first, size = block->second;
  used_.erase(block);
  stats_.live -= size;
  auto next = free_.lower_bound(offset);
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      offset = before->first;
      size += before->second;
      free_.erase(before);
    }
  }
  if (next != free_.end() && offset + size == next->first) {
    size += next->second;
    free_.erase(next);
  }
  free_.emplace(offset, size);
}

}  // namespace ldc::cpu
