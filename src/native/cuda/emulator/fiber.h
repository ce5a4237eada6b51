// Fibers: the threads of an emulated block. A switch saves the registers a call must keep and changes the stack, without a
// system call (ucontext makes one, for the signal mask, and is used only where there is no assembly for the processor).
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#if !defined(__x86_64__) || defined(LDC_FIBER_UCONTEXT)
#include <ucontext.h>
#endif

namespace ldc::cuda::emulated {

class Fiber {
 public:
  Fiber() = default;
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Prepares to run entry(argument) on this fiber's own stack. The entry must never return; it leaves by switching away.
  void start(void (*entry)(void*), void* argument);

  // Saves the running context in `from` and continues `to`.
  static void change(Fiber& from, Fiber& to);

 private:
#if defined(__x86_64__) && !defined(LDC_FIBER_UCONTEXT)
  void* stack_pointer_ = nullptr;
#else
  ucontext_t context_;
#endif
  char* stack_ = nullptr;
};

}  // namespace ldc::cuda::emulated
