#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace ldc::cpu {

namespace {

// A worker spins this often for the next loop before it sleeps: loops of one step follow each other within microseconds,
// while a sleeping thread takes tens of microseconds to wake.
constexpr int kSpins = 4000;
// The item of a loop that is being set up: beyond any number of items.
constexpr uint64_t kNoItem = 0xffffffff;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

struct Pool::State {
  int threads = 1;
  std::vector<std::thread> workers;

  // The loop in progress. A worker may come late, when the loop it was called for is over and the next is being set up: it takes an item
  // only by moving `ticket` on from the value beside which it read the rest.
  std::atomic<uint64_t> ticket{0};  // number of the loop << 32 | next item
  std::atomic<int64_t> items{0};
  std::atomic<Call> call{nullptr};
  std::atomic<const void*> body{nullptr};
  std::atomic<int64_t> done{0};  // items that are finished
  std::atomic<bool> stop{false};

  std::mutex mutex;
  std::condition_variable wake;
  int sleepers = 0;

  uint32_t loop() const { return static_cast<uint32_t>(ticket.load(std::memory_order_acquire) >> 32); }

  // Works on the loop with this number until all its items are taken.
  void work(uint32_t number, int thread) {
    uint64_t at = ticket.load(std::memory_order_acquire);
    while (at >> 32 == number) {
      const int64_t item = static_cast<int64_t>(at & kNoItem);
      if (item >= items.load(std::memory_order_acquire)) return;
      const Call function = call.load(std::memory_order_acquire);
      const void* argument = body.load(std::memory_order_acquire);
      if (!ticket.compare_exchange_weak(at, at + 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      function(argument, item, thread);
      done.fetch_add(1, std::memory_order_release);
      at = ticket.load(std::memory_order_acquire);
    }
  }

  void serve(int thread) {
    uint32_t seen = 0;
    for (;;) {
      for (int i = 0; i < kSpins && loop() == seen; ++i) relax();
      if (loop() == seen) {
        std::unique_lock<std::mutex> lock(mutex);
        ++sleepers;
        wake.wait(lock, [&] { return loop() != seen; });
        --sleepers;
      }
      seen = loop();
      if (stop.load(std::memory_order_acquire)) return;
      work(seen, thread);
    }
  }

  // Sets up a loop and calls the workers. No item of the one before is left.
  uint32_t start(int64_t count, Call function, const void* argument) {
    const uint32_t number = loop() + 1;
    ticket.store(static_cast<uint64_t>(number - 1) << 32 | kNoItem, std::memory_order_release);  // nothing to take meanwhile
    items.store(count, std::memory_order_release);
    call.store(function, std::memory_order_release);
    body.store(argument, std::memory_order_release);
    done.store(0, std::memory_order_release);
    std::lock_guard<std::mutex> lock(mutex);
    ticket.store(static_cast<uint64_t>(number) << 32, std::memory_order_release);
    if (sleepers > 0) wake.notify_all();
    return number;
  }
};

Pool::Pool(int threads) : state_(new State) {
  state_->threads = threads < 1 ? 1 : threads;
  for (int t = 1; t < state_->threads; ++t) state_->workers.emplace_back([this, t] { state_->serve(t); });
}

Pool::~Pool() {
  state_->stop.store(true);
  state_->start(0, nullptr, nullptr);
  for (auto& worker : state_->workers) worker.join();
  delete state_;
}

int Pool::threads() const { return state_->threads; }

void Pool::run(int64_t items, Call call, const void* body) {
  State& s = *state_;
  if (items <= 0) return;
  if (items == 1 || s.threads == 1) {
    for (int64_t item = 0; item < items; ++item) call(body, item, 0);
    return;
  }
  const uint32_t number = s.start(items, call, body);
  s.work(number, 0);
  // Waits for items that others have taken, not for threads that never came: on a busy machine those may be long in coming. When
  // another job holds a worker's core, spinning on would only keep that core from the worker for longer.
  for (int i = 0; s.done.load(std::memory_order_acquire) != items; ++i) {
    if (i < kSpins) relax();
    else std::this_thread::yield();
  }
}

}  // namespace ldc::cpu
