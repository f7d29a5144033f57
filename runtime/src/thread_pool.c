// Each thread gets one contiguous range of blocks, the same for the same grid, so that it finds in its caches
// what it wrote there. It takes blocks off the front; a thread that is done with its own takes blocks off the
// ends of the others' ranges. So a processor that is slower for a while, or a worker that the system has not
// woken yet, or that is gone because the process forked, delays little. Blocks do not depend on each other:
// no result depends on who ran what.
#include "thread_pool.h"
#include "float_mode.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

// A worker's state. The caller writes IDLE -> POSTED and POSTED -> IDLE (it took the range back), the
// worker POSTED -> RUNNING -> IDLE. The job changes only while all workers are IDLE.
enum { IDLE, POSTED, RUNNING, QUIT };

#define SPIN_NANOSECONDS 50000 // longer than between two kernels, shorter than anybody notices

typedef struct {
  cellc_kernel_fn kernel;
  void *const *buffers;
  const int64_t *dims;
  int64_t first; // what block numbers in ranges are counted from
} job_t;

typedef struct {
  _Alignas(CELLCI_ALIGNMENT) atomic_uint state; // a cache line of its own: the one that is spun on
  _Alignas(CELLCI_ALIGNMENT) atomic_bool asleep;
  _Alignas(CELLCI_ALIGNMENT) atomic_uint_least64_t range; // see `range_of`
  void *scratch;
  cellci_pool_t *pool;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
} worker_t;

struct cellci_pool {
  uint32_t threads;
  uint32_t started; // workers that run, without the caller
  pid_t process;
  bool spin;
  uint64_t scratch_bytes;
  job_t job;
  worker_t *workers; // [0] is the caller: only its range and its scratch are used
  atomic_bool caller_asleep;
  pthread_mutex_t mutex;
  pthread_cond_t done;
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// Waits a short while for `state` to be another than `value`; the state at the end.
static unsigned spin_while(const cellci_pool_t *pool, atomic_uint *state, unsigned value) {
  unsigned seen = atomic_load_explicit(state, memory_order_acquire);
  if (seen != value || !pool->spin)
    return seen;
  uint64_t end = now() + SPIN_NANOSECONDS;
  do {
    for (int i = 0; i < 32 && seen == value; i++) {
      relax();
      seen = atomic_load_explicit(state, memory_order_acquire);
    }
  } while (seen == value && now() < end);
  return seen;
}

#define MOST_BLOCKS INT32_MAX // of a job: both ends of a range are in one atomic integer

static uint64_t range_of(uint64_t begin, uint64_t end) { return begin << 32 | end; }

// Takes the first block of a range, or the last one; false if there is none. Whoever takes a block after an
// IDLE worker's range was set has read the worker's state or its own since, so the order is relaxed.
static bool take(atomic_uint_least64_t *range, bool first, int64_t *block) {
  uint64_t seen = atomic_load_explicit(range, memory_order_relaxed), left;
  do {
    uint64_t begin = seen >> 32, end = seen & UINT32_MAX;
    if (begin >= end)
      return false;
    *block = (int64_t)(first ? begin : end - 1);
    left = first ? range_of(begin + 1, end) : range_of(begin, end - 1);
  } while (
      !atomic_compare_exchange_weak_explicit(range, &seen, left, memory_order_relaxed, memory_order_relaxed));
  return true;
}

// Runs the blocks of worker `number`'s range, then what is left of the others'.
static void run_blocks(cellci_pool_t *pool, uint32_t number) {
  const job_t *job = &pool->job;
  for (uint32_t i = 0; i < pool->threads; i++) {
    atomic_uint_least64_t *range = &pool->workers[(number + i) % pool->threads].range;
    for (int64_t block; take(range, i == 0, &block);)
      job->kernel(job->buffers, job->dims, job->first + block, pool->workers[number].scratch);
  }
}

// Sleeping and waking use the order "write mine, read yours" on both sides (all sequentially
// consistent): either the sleeper sees the new state or the waker sees the sleeper.
static void sleep_while_idle(worker_t *worker) {
  pthread_mutex_lock(&worker->mutex);
  atomic_store(&worker->asleep, true);
  while (atomic_load(&worker->state) == IDLE)
    pthread_cond_wait(&worker->wake, &worker->mutex);
  atomic_store(&worker->asleep, false);
  pthread_mutex_unlock(&worker->mutex);
}

static void set_state_and_wake(worker_t *worker, unsigned state) {
  atomic_store(&worker->state, state);
  if (!atomic_load(&worker->asleep))
    return;
  pthread_mutex_lock(&worker->mutex);
  pthread_cond_signal(&worker->wake);
  pthread_mutex_unlock(&worker->mutex);
}

static void finish(worker_t *worker) {
  cellci_pool_t *pool = worker->pool;
  atomic_store(&worker->state, IDLE);
  if (!atomic_load(&pool->caller_asleep))
    return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_signal(&pool->done);
  pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *argument) {
  worker_t *worker = argument;
  cellci_float_mode_enter(); // as the caller of a run has it
  for (;;) {
    unsigned state = spin_while(worker->pool, &worker->state, IDLE);
    if (state == QUIT)
      return NULL;
    if (state == IDLE) {
      sleep_while_idle(worker);
      continue;
    }
    unsigned posted = POSTED;
    if (!atomic_compare_exchange_strong(&worker->state, &posted, RUNNING))
      continue;
    run_blocks(worker->pool, (uint32_t)(worker - worker->pool->workers));
    finish(worker);
  }
}

static void wait_for(cellci_pool_t *pool, worker_t *worker) {
  if (spin_while(pool, &worker->state, RUNNING) == IDLE)
    return;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->caller_asleep, true);
  while (atomic_load(&worker->state) == RUNNING)
    pthread_cond_wait(&pool->done, &pool->mutex);
  atomic_store(&pool->caller_asleep, false);
  pthread_mutex_unlock(&pool->mutex);
}

static void run_alone(cellci_pool_t *pool, int64_t count) {
  const job_t *job = &pool->job;
  for (int64_t block = 0; block < count; block++)
    job->kernel(job->buffers, job->dims, job->first + block, pool->workers[0].scratch);
}

// Cuts blocks 0..count-1 into a range for each of the first `ranges` threads.
static void set_ranges(cellci_pool_t *pool, uint64_t count, uint32_t ranges) {
  uint64_t each = count / ranges, longer = count % ranges, begin = 0;
  for (uint32_t i = 0; i < ranges; i++) {
    uint64_t end = begin + each + (i < longer); // the first `longer` ranges have one more
    atomic_store_explicit(&pool->workers[i].range, range_of(begin, end), memory_order_relaxed);
    begin = end;
  }
}

// Runs `count` blocks of the pool's job.
static void run_job(cellci_pool_t *pool, int64_t count) {
  uint32_t ranges = count < (int64_t)pool->threads ? (uint32_t)count : pool->threads;
  if (ranges == 1) {
    run_alone(pool, count);
    return;
  }
  set_ranges(pool, (uint64_t)count, ranges);
  for (uint32_t i = 1; i < ranges; i++)
    set_state_and_wake(&pool->workers[i], POSTED);
  run_blocks(pool, 0);
  for (uint32_t i = 1; i < ranges; i++) {
    unsigned posted = POSTED; // there is nothing left for a worker that has not begun
    if (!atomic_compare_exchange_strong(&pool->workers[i].state, &posted, IDLE))
      wait_for(pool, &pool->workers[i]);
  }
}

void cellci_pool_run(cellci_pool_t *pool, cellc_kernel_fn kernel, void *const *buffers, const int64_t *dims,
                     int64_t blocks) {
  for (int64_t first = 0; first < blocks; first += MOST_BLOCKS) {
    pool->job = (job_t){kernel, buffers, dims, first};
    run_job(pool, blocks - first < MOST_BLOCKS ? blocks - first : MOST_BLOCKS);
  }
}

// Signals are for the threads of the program, so workers block them all.
static cellc_status_t start_workers(cellci_pool_t *pool) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int error = 0;
  for (uint32_t i = 1; i < pool->threads && !error; i++) {
    worker_t *worker = &pool->workers[i];
    worker->pool = pool;
    atomic_init(&worker->state, IDLE);
    atomic_init(&worker->asleep, false);
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->wake, NULL);
    error = pthread_create(&worker->thread, NULL, worker_main, worker);
    if (!error)
      pool->started++;
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (!error)
    return CELLC_OK;
  return cellci_fail(CELLC_DEVICE_FAILURE, "cannot start thread %u of %u (error %d)",
                     (unsigned)pool->started + 1, (unsigned)pool->threads, error);
}

cellc_status_t cellci_pool_create(uint32_t threads, cellci_pool_t **out_pool) {
  cellci_pool_t *pool = cellci_allocate(1, sizeof *pool, _Alignof(cellci_pool_t));
  if (!pool)
    return CELLC_OUT_OF_MEMORY;
  pool->workers = cellci_allocate(threads, sizeof *pool->workers, CELLCI_ALIGNMENT);
  if (!pool->workers) {
    cellci_release(pool);
    return CELLC_OUT_OF_MEMORY;
  }
  pool->threads = threads;
  pool->process = getpid();
  pool->spin = (long)threads <= sysconf(_SC_NPROCESSORS_ONLN); // else it would hold up the others
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->done, NULL);
  cellc_status_t status = start_workers(pool);
  if (status == CELLC_OK)
    *out_pool = pool;
  else
    cellci_pool_destroy(pool);
  return status;
}

void cellci_pool_destroy(cellci_pool_t *pool) {
  // After a fork the workers exist in the parent only: there is nothing to stop or to destroy.
  bool forked = pool->process != getpid();
  for (uint32_t i = 1; i <= pool->started && !forked; i++) {
    worker_t *worker = &pool->workers[i];
    set_state_and_wake(worker, QUIT);
    pthread_join(worker->thread, NULL);
    pthread_mutex_destroy(&worker->mutex);
    pthread_cond_destroy(&worker->wake);
  }
  for (uint32_t i = 0; i < pool->threads; i++)
    cellci_release(pool->workers[i].scratch);
  pthread_mutex_destroy(&pool->mutex);
  pthread_cond_destroy(&pool->done);
  cellci_release(pool->workers);
  cellci_release(pool);
}

uint32_t cellci_pool_thread_count(const cellci_pool_t *pool) { return pool->threads; }

cellc_status_t cellci_pool_reserve_scratch(cellci_pool_t *pool, uint64_t bytes) {
  if (bytes <= pool->scratch_bytes)
    return CELLC_OK;
  for (uint32_t i = 0; i < pool->threads; i++) {
    void *scratch = cellci_allocate_raw(bytes, CELLCI_ALIGNMENT);
    if (!scratch)
      return CELLC_OUT_OF_MEMORY; // a thread that got more keeps it: never less than recorded
    cellci_release(pool->workers[i].scratch);
    pool->workers[i].scratch = scratch;
  }
  pool->scratch_bytes = bytes;
  return CELLC_OK;
}
