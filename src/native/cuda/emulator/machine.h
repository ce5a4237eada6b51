// The emulated GPU: runs the blocks of a launch one after another (all together where they may meet in a grid barrier), the
// threads of a block as fibers that change over at barriers and shuffles. The order of blocks and threads follows a seed.
//
// What it stops with a Trap: an access outside of an allocation or a shared array, a misaligned vector access, a read of
// shared memory that nothing wrote, two threads of a block on one shared element without a barrier between them (at least one
// writing), a read of shared memory that a copy_async may still be writing, a barrier that not all threads reach; of
// warp-group MMA registers that are touched before it was waited for or without a fence, operands that another thread wrote without
// a fence of the asynchronous proxy, and operands that are overwritten before the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fiber.h"

namespace ldc::cuda::emulated {

// A fault of a kernel.
class Trap : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

// What is known of one element of shared memory. Stamps count the barriers of the block and of the warp.
struct Cell {
  uint32_t write_stamp = 0, read_stamp = 0;            // block barriers before the last write and read, plus 1; 0: never
  uint32_t write_warp_stamp = 0, read_warp_stamp = 0;  // warp barriers before them
  uint16_t writer = 0, reader = 0;
  uint32_t write_fences = 0;  // fences of the asynchronous proxy by the writer, before its write
  bool many_readers = false, many_warps = false, in_flight = false;
};

// A shared array of one block.
struct SharedArray {
  std::string name;
  std::unique_ptr<char[]> data;
  size_t element_bytes = 0, count = 0;
  std::vector<Cell> cells;
};

struct Barrier {
  int expected = 0, arrived = 0;
  uint32_t generation = 0;
};

struct Warp {
  Barrier barrier;
  uint32_t syncs = 0;          // sync_warp calls, which order memory; exchanges do not
  uint64_t slots[2][32][8] = {};  // what lanes show each other, by turns
};

// One 16-byte copy on its way.
struct AsyncCopy {
  SharedArray* array;
  size_t first;
  float value[4];
};

// One thread's share of a warp-group MMA on its way.
struct AsyncMma {
  struct Watched {
    size_t at;
    uint32_t write_stamp;
  };
  float* sum;
  int columns;
  bool halves;         // bf16: A is read through its descriptor, and K is 16 in place of 8
  float rows[2][16];   // of A, where it comes from registers
  uint64_t a, b;       // descriptors
  std::vector<Watched> watched;  // words of operands in shared memory that this thread looks after, for its group
};

struct Block;

struct Thread {
  Fiber fiber;
  Block* block = nullptr;
  Warp* warp = nullptr;
  Index index;
  int number = 0, lane = 0;
  uint32_t exchanges = 0;
  bool finished = false;
  const Barrier* waiting = nullptr;
  uint32_t waiting_generation = 0;
  std::vector<AsyncCopy> open_copies;                // not committed yet
  std::vector<std::vector<AsyncCopy>> copy_groups;  // committed, oldest first
  uint32_t proxy_fences = 0;
  bool registers_fenced = false;  // by wgmma_fence, since the registers of a warp-group MMA were last touched
  std::vector<AsyncMma> open_mmas;
  std::vector<std::vector<AsyncMma>> mma_groups;
};

struct Block {
  Index index;
  Barrier barrier;
  uint32_t syncs = 1;
  std::vector<std::unique_ptr<Warp>> warps;
  std::vector<std::unique_ptr<Thread>> threads;
  std::map<const void*, std::unique_ptr<SharedArray>> shared;
};

struct Options {
  uint64_t seed = 0;
  bool checks = true;  // of shared memory; bounds of global memory are always checked
};

class Machine {
 public:
  explicit Machine(Options options) : options_(options) {}

  void launch(Index grid, int threads, size_t dynamic_shared_bytes, bool cooperative, const std::function<void()>& body);

  // ---- of the running thread ----
  static Machine& current();
  Thread& thread() { return *running_; }
  Block& block() { return *running_->block; }
  const Index& grid() const { return grid_; }
  int block_threads() const { return block_threads_; }
  bool checks() const { return options_.checks; }

  void sync_block();
  void sync_warp();
  void sync_grid();
  // Shows `words` words to the other lanes; returns what all 32 showed.
  const uint64_t (*exchange(const uint64_t* words, int count))[8];
  SharedArray& shared(const void* key, const char* name, size_t element_bytes, size_t count);
  SharedArray& dynamic_shared(size_t element_bytes);
  [[noreturn]] void trap(const std::string& what) const;

 private:
  std::unique_ptr<Block> make_block(int64_t number);
  void run(std::vector<std::unique_ptr<Block>>& blocks);
  void wait(Barrier& barrier);
  static void enter(void* thread);
  uint64_t random();

  Options options_;
  uint64_t random_state_ = 0, launches_ = 0;
  Index grid_;
  int block_threads_ = 0;
  size_t dynamic_shared_bytes_ = 0;
  Barrier grid_barrier_;
  const std::function<void()>* body_ = nullptr;
  Fiber scheduler_;
  Thread* running_ = nullptr;
  std::exception_ptr failure_;
  std::vector<std::unique_ptr<Thread>> spare_threads_;  // with their stacks
};

}  // namespace ldc::cuda::emulated
