// Pinned host memory that uploads and downloads pass through: only from pinned memory does a copy run beside the program.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>

#include "pool.h"

namespace ldc::cuda {

// For several threads. Streams are a GPU's (streams.h) or the emulator's (emulator/streams.h).
template <class Streams>
class Staging {
 public:
  explicit Staging(Streams& streams) : streams_(streams) {}
  ~Staging() {
    for (const Block& block : blocks_) {
      streams_.destroy(block.done);
      streams_.free_pinned(block.data);
    }
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  struct Block {
    void* data = nullptr;
    size_t bytes = 0;
    typename Streams::Event done{};  // recorded behind the last copy from or to the block
  };

  // A pinned block of at least `bytes`, whose earlier use is over. Give it back with the event that ends its use recorded, or unused.
  Block take(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto block = blocks_.begin(); block != blocks_.end(); ++block) {
      if (block->bytes < bytes || block->bytes > 4 * bytes + 4096) continue;
      if (!streams_.reached(block->done)) continue;
      const Block found = *block;
      blocks_.erase(block);
      return found;
    }
    Block block;
    block.bytes = size_class(bytes);
    block.data = streams_.pinned(block.bytes);
    block.done = streams_.make_event();
    return block;
  }
  void give(Block block) {
    std::lock_guard<std::mutex> lock(mutex_);
    blocks_.push_back(block);
  }

 private:
  Streams& streams_;
  std::mutex mutex_;
  std::deque<Block> blocks_;
};

}  // namespace ldc::cuda
