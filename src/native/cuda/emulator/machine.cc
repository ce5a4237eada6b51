#include "machine.h"

#include <cstring>
#include <numeric>

namespace ldc::cuda::emulated {

namespace {

thread_local Machine* current_machine = nullptr;

}  // namespace

Machine& Machine::current() { return *current_machine; }

uint64_t Machine::random() {
  random_state_ += 0x9E3779B97F4A7C15ull;  // splitmix64 (Steele et al., 2014)
  uint64_t z = random_state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

std::unique_ptr<Block> Machine::make_block(int64_t number) {
  auto block = std::make_unique<Block>();
  block->index = {static_cast<unsigned>(number % grid_.x), static_cast<unsigned>(number / grid_.x % grid_.y),
                  static_cast<unsigned>(number / grid_.x / grid_.y)};
  block->barrier.expected = block_threads_;
  for (int first = 0; first < block_threads_; first += 32) {
    block->warps.push_back(std::make_unique<Warp>());
    block->warps.back()->barrier.expected = std::min(32, block_threads_ - first);
  }
  for (int i = 0; i < block_threads_; ++i) {
    std::unique_ptr<Thread> thread;
    if (spare_threads_.empty()) {
      thread = std::make_unique<Thread>();
    } else {
      thread = std::move(spare_threads_.back());
      spare_threads_.pop_back();
    }
    thread->block = block.get();
    thread->warp = block->warps[static_cast<size_t>(i / 32)].get();
    thread->index = {static_cast<unsigned>(i), 0, 0};
    thread->number = i;
    thread->lane = i % 32;
    thread->exchanges = 0;
    thread->finished = false;
    thread->waiting = nullptr;
    thread->open_copies.clear();
    thread->copy_groups.clear();
    thread->proxy_fences = 0;
    thread->registers_fenced = false;
    thread->open_mmas.clear();
    thread->mma_groups.clear();
    thread->fiber.start(&Machine::enter, thread.get());
    block->threads.push_back(std::move(thread));
  }
  return block;
}

void Machine::enter(void* argument) {
  auto* thread = static_cast<Thread*>(argument);
  Machine& machine = current();
  try {
    (*machine.body_)();
  } catch (...) {
    if (!machine.failure_) machine.failure_ = std::current_exception();
  }
  thread->finished = true;
  Fiber::change(thread->fiber, machine.scheduler_);
  std::terminate();  // a finished thread is never continued
}

void Machine::launch(Index grid, int threads, size_t dynamic_shared_bytes, bool cooperative, const std::function<void()>& body) {
  if (threads < 1 || threads > 1024) throw Trap("a block of " + std::to_string(threads) + " threads");
  if (dynamic_shared_bytes > 227 * 1024) throw Trap("more shared memory than any GPU has");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535) throw Trap("a grid no GPU accepts");
  random_state_ = options_.seed + ++launches_ * 1000003;
  grid_ = grid;
  block_threads_ = threads;
  dynamic_shared_bytes_ = dynamic_shared_bytes;
  body_ = &body;
  failure_ = nullptr;
  Machine* outer = std::exchange(current_machine, this);

  const int64_t count = int64_t{grid.x} * grid.y * grid.z;
  grid_barrier_ = {static_cast<int>(cooperative ? count * threads : 0), 0, 0};
  // A permutation of the blocks: start anywhere, go on by a step that has no factor in common with their number.
  const int64_t start = static_cast<int64_t>(random() % static_cast<uint64_t>(count));
  int64_t step = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(count));
  while (std::gcd(step, count) != 1) ++step;
  std::vector<std::unique_ptr<Block>> blocks;
  for (int64_t i = 0; i < count && !failure_; ++i) {
    blocks.push_back(make_block((start + i * step) % count));
    if (cooperative && i + 1 < count) continue;
    run(blocks);
    for (auto& block : blocks) {
      for (auto& thread : block->threads) spare_threads_.push_back(std::move(thread));
    }
    blocks.clear();
  }
  current_machine = outer;
  if (failure_) std::rethrow_exception(failure_);
}

// Rounds over all threads, each continued until it waits; every round begins elsewhere and goes up or down.
void Machine::run(std::vector<std::unique_ptr<Block>>& blocks) {
  std::vector<Thread*> threads;
  for (auto& block : blocks) {
    // Warps in any order, lanes in any order: exclusive or with a constant permutes a power of two.
    const size_t all = block->threads.size();
    const size_t twist = (all & (all - 1)) == 0 ? random() % all : 0;
    for (size_t i = 0; i < all; ++i) threads.push_back(block->threads[i ^ twist].get());
  }
  size_t left = threads.size();
  while (left > 0 && !failure_) {
    bool progress = false;
    const size_t all = threads.size(), start = random() % all;
    const bool down = random() % 2 == 1;
    for (size_t i = 0; i < all && !failure_; ++i) {
      const size_t at = down ? (start + all - i) % all : (start + i) % all;
      Thread& thread = *threads[at];
      if (thread.finished) continue;
      if (thread.waiting != nullptr && thread.waiting->generation == thread.waiting_generation) continue;
      thread.waiting = nullptr;
      running_ = &thread;
      Fiber::change(scheduler_, thread.fiber);
      progress = true;
      if (thread.finished) --left;
    }
    if (!progress) {
      failure_ = std::make_exception_ptr(Trap("threads wait at a barrier that not all of them reach"));
    }
  }
}

void Machine::wait(Barrier& barrier) {
  if (++barrier.arrived == barrier.expected) {
    barrier.arrived = 0;
    ++barrier.generation;
    return;
  }
  Thread& self = *running_;
  self.waiting = &barrier;
  self.waiting_generation = barrier.generation;
  Fiber::change(self.fiber, scheduler_);
}

void Machine::sync_block() {
  Block& here = block();
  if (here.barrier.arrived + 1 == here.barrier.expected) ++here.syncs;
  wait(here.barrier);
}

void Machine::sync_warp() {
  Warp& warp = *running_->warp;
  if (warp.barrier.arrived + 1 == warp.barrier.expected) ++warp.syncs;
  wait(warp.barrier);
}

void Machine::sync_grid() {
  if (grid_barrier_.expected == 0) trap("sync_grid in a launch that is not cooperative");
  wait(grid_barrier_);
  sync_block();  // orders the block's shared memory too
}

const uint64_t (*Machine::exchange(const uint64_t* words, int count))[8] {
  Thread& self = *running_;
  auto& slots = self.warp->slots[self.exchanges++ % 2];
  std::memcpy(slots[self.lane], words, static_cast<size_t>(count) * sizeof *words);
  wait(self.warp->barrier);
  return slots;
}

SharedArray& Machine::shared(const void* key, const char* name, size_t element_bytes, size_t count) {
  auto& entry = block().shared[key];
  if (!entry) {
    entry = std::make_unique<SharedArray>();
    entry->name = name;
    entry->data = std::make_unique<char[]>(element_bytes * count);
    entry->element_bytes = element_bytes;
    entry->count = count;
    if (options_.checks) entry->cells.resize(count);
  }
  return *entry;
}

SharedArray& Machine::dynamic_shared(size_t element_bytes) {
  static const char key = 0;
  return shared(&key, "dynamic shared memory", element_bytes, dynamic_shared_bytes_ / element_bytes);
}

void Machine::trap(const std::string& what) const {
  const auto text = [](Index i) { return "(" + std::to_string(i.x) + "," + std::to_string(i.y) + "," + std::to_string(i.z) + ")"; };
  throw Trap(what + ", block " + text(running_->block->index) + " thread " + std::to_string(running_->number));
}

}  // namespace ldc::cuda::emulated
