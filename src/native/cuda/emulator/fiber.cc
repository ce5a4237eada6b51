#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace ldc::cuda::emulated {

namespace {

// Address space only: pages are committed as they are touched.
constexpr size_t kStack = size_t{64} << 10;

}  // namespace

Fiber::~Fiber() {
  if (stack_ != nullptr) munmap(stack_, kStack);
}

#if defined(__x86_64__) && !defined(LDC_FIBER_UCONTEXT)

// ldc_fiber_change(&saved, next): pushes what the System V ABI lets a callee change only if it restores it.
asm(R"(
  .text
  .hidden ldc_fiber_change
  .globl ldc_fiber_change
  .type ldc_fiber_change, @function
ldc_fiber_change:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size ldc_fiber_change, .-ldc_fiber_change

  .hidden ldc_fiber_begin
  .globl ldc_fiber_begin
  .type ldc_fiber_begin, @function
ldc_fiber_begin:
  .cfi_startproc
  .cfi_undefined rip
  movq %r12, %rdi
  callq *%r13
  ud2
  .cfi_endproc
  .size ldc_fiber_begin, .-ldc_fiber_begin
)");
extern "C" void ldc_fiber_change(void** saved, void* next);
extern "C" void ldc_fiber_begin();

void Fiber::start(void (*entry)(void*), void* argument) {
  if (stack_ == nullptr) {
    void* memory = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    stack_ = static_cast<char*>(memory);
  }
  // What ldc_fiber_change pops: r15, r14, r13, r12, rbx, rbp, return address; the stack is 16-byte aligned at the call.
  auto** top = reinterpret_cast<void**>(stack_ + kStack) - 2;
  *--top = reinterpret_cast<void*>(ldc_fiber_begin);
  *--top = nullptr;  // rbp
  *--top = nullptr;  // rbx
  *--top = argument;  // r12
  *--top = reinterpret_cast<void*>(entry);  // r13
  *--top = nullptr;  // r14
  *--top = nullptr;  // r15
  stack_pointer_ = top;
}

void Fiber::change(Fiber& from, Fiber& to) { ldc_fiber_change(&from.stack_pointer_, to.stack_pointer_); }

#else

namespace {

// makecontext passes ints only.
void begin(unsigned entry_high, unsigned entry_low, unsigned argument_high, unsigned argument_low) {
  const auto join = [](unsigned high, unsigned low) { return static_cast<uintptr_t>((uint64_t{high} << 32) | low); };
  reinterpret_cast<void (*)(void*)>(join(entry_high, entry_low))(reinterpret_cast<void*>(join(argument_high, argument_low)));
}

}  // namespace

void Fiber::start(void (*entry)(void*), void* argument) {
  if (stack_ == nullptr) {
    void* memory = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    stack_ = static_cast<char*>(memory);
  }
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = kStack;
  context_.uc_link = nullptr;
  const auto e = reinterpret_cast<uint64_t>(entry), a = reinterpret_cast<uint64_t>(argument);
  makecontext(&context_, reinterpret_cast<void (*)()>(begin), 4, static_cast<unsigned>(e >> 32), static_cast<unsigned>(e),
              static_cast<unsigned>(a >> 32), static_cast<unsigned>(a));
}

void Fiber::change(Fiber& from, Fiber& to) { swapcontext(&from.context_, &to.context_); }

#endif

}  // namespace ldc::cuda::emulated
