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

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

struct Pool::State {
  int threads = 1;
  std::vector<std::thread> workers;

  // The loop in progress. Written by run() while no worker is inside a loop.
  int64_t items = 0;
  Call call = nullptr;
  const void* body = nullptr;

  std::atomic<int64_t> next{0};
  std::atomic<uint64_t> generation{0};  // counts loops; a change is the start signal
  std::atomic<int> busy{0};             // workers that have not finished the loop
  std::atomic<bool> stop{false};

  std::mutex mutex;
  std::condition_variable wake;
  int sleepers = 0;

  void work(int thread) {
    for (int64_t item; (item = next.fetch_add(1, std::memory_order_relaxed)) < items;) call(body, item, thread);
  }

  void serve(int thread) {
    uint64_t seen = 0;
    for (;;) {
      for (int i = 0; i < kSpins && generation.load(std::memory_order_acquire) == seen; ++i) relax();
      if (generation.load(std::memory_order_acquire) == seen) {
        std::unique_lock<std::mutex> lock(mutex);
        ++sleepers;
        wake.wait(lock, [&] { return generation.load(std::memory_order_acquire) != seen; });
        --sleepers;
      }
      seen = generation.load(std::memory_order_acquire);
      if (stop.load(std::memory_order_relaxed)) return;
      work(thread);
      busy.fetch_sub(1, std::memory_order_release);
    }
  }

  void signal() {
    std::lock_guard<std::mutex> lock(mutex);
    generation.fetch_add(1, std::memory_order_release);
    if (sleepers > 0) wake.notify_all();
  }
};

Pool::Pool(int threads) : state_(new State) {
  state_->threads = threads < 1 ? 1 : threads;
  for (int t = 1; t < state_->threads; ++t) state_->workers.emplace_back([this, t] { state_->serve(t); });
}

Pool::~Pool() {
  state_->stop.store(true);
  state_->signal();
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
  s.items = items;
  s.call = call;
  s.body = body;
  s.next.store(0, std::memory_order_relaxed);
  s.busy.store(s.threads - 1, std::memory_order_relaxed);
  s.signal();
  s.work(0);
  // When another job holds a worker's core, spinning on would only keep that core from the worker for longer.
  for (int i = 0; s.busy.load(std::memory_order_acquire) != 0; ++i) {
    if (i < kSpins) relax();
    else std::this_thread::yield();
  }
}

}  // namespace ldc::cpu
