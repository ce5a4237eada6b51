#include "pool.h"

#include <algorithm>
#include <new>

namespace ldc::cuda {

Pool::~Pool() {
  give_back_free_blocks();
  for (const auto& [data, size] : used_) give_(data);
}

void Pool::give_back_free_blocks() {
  for (const auto& [size, blocks] : free_) {
    for (void* block : blocks) give_(block);
    stats_.reserved -= size * blocks.size();
  }
  free_.clear();
}

void* Pool::allocate(size_t bytes) {
  const size_t size = size_class(bytes);
  std::vector<void*>& kept = free_[size];
  void* data = nullptr;
  if (!kept.empty()) {
    data = kept.back();
    kept.pop_back();
  } else {
    data = take_(size);
    if (data == nullptr) {
      give_back_free_blocks();
      data = take_(size);
    }
    if (data == nullptr) throw std::bad_alloc();
    stats_.reserved += size;
    ++stats_.growths;
  }
  used_.emplace(data, size);
  stats_.live += size;
  stats_.peak = std::max(stats_.peak, stats_.live);
  return data;
}

void Pool::release(void* data) {
  const auto found = used_.find(data);
  stats_.live -= found->second;
  free_[found->second].push_back(data);
  used_.erase(found);
}

}  // namespace ldc::cuda
