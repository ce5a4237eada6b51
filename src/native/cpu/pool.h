// The CPU device's own thread pool: persistent threads that share the items of one loop at a time.
//
// Items are claimed in order from a shared counter, so a thread that is held up by another job on the machine does not
// hold up the loop. Which thread runs an item never changes a result: a kernel splits its outputs over items, never a sum.
#pragma once

#include <cstdint>

namespace ldc::cpu {

class Pool {
 public:
  // threads >= 1, the calling thread included.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const;

  // Calls body(item, thread) for item = 0 .. items - 1, thread in [0, threads()); returns when all are done.
  // Not re-entrant: a body never starts a loop of its own.
  template <class Body>
  void each(int64_t items, const Body& body) {
    run(items, [](const void* b, int64_t item, int thread) { (*static_cast<const Body*>(b))(item, thread); }, &body);
  }

 private:
  using Call = void (*)(const void* body, int64_t item, int thread);
  void run(int64_t items, Call call, const void* body);
  struct State;
  State* state_;
};

}  // namespace ldc::cpu
