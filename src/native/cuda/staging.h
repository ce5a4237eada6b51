// Pinned host memory that uploads and downloads pass through: only from pinned memory does a copy run beside the program.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <deque>

namespace ldc::cuda {

class Staging {
 public:
  ~Staging();

  // A pinned block of at least `bytes`, whose earlier use is over. Give it back with the event that ends its use, or unused.
  struct Block {
    void* data = nullptr;
    size_t bytes = 0;
    cudaEvent_t done = nullptr;  // recorded behind the last copy from or to the block
  };
  Block take(size_t bytes);
  void give(Block block) { blocks_.push_back(block); }

 private:
  std::deque<Block> blocks_;
};

}  // namespace ldc::cuda
