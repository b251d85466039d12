using Moe.Inference.Cpu.Threading;

namespace Moe.Inference.Tests.Cpu.Threading;

public class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(9)]
    public void Every_worker_takes_part_once_in_each_of_many_jobs(int threads)
    {
        using WorkerPool pool = new(threads);
        Counting job = new(threads);
        for (int round = 1; round <= 300; round++)
        {
            // Now and then a pause, so that workers fall asleep and must be woken.
            if (round % 100 == 0)
                Thread.Sleep(20);
            pool.Run(job);
            job.Counts.Should().OnlyContain(count => count == round);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void A_job_for_fewer_threads_leaves_the_others_alone(int threads)
    {
        using WorkerPool pool = new(threads);
        Counting job = new(threads);
        int[] expected = new int[threads];
        for (int round = 0; round < 1000; round++)
        {
            if (round % 250 == 0)
                Thread.Sleep(20);
            int taking = 1 + (round * 7 % threads);
            pool.Run(job, taking);
            for (int worker = 0; worker < taking; worker++)
                expected[worker]++;
            job.Counts.Should().Equal(expected, "round {0} is for {1} threads", round, taking);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void A_job_for_more_threads_than_there_are_is_refused(int threads)
    {
        using WorkerPool pool = new(3);
        FluentActions.Invoking(() => pool.Run(new Counting(3), threads)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Several_callers_take_turns()
    {
        using WorkerPool pool = new(3);
        Counting job = new(3);
        Parallel.For(0, 4, _ =>
        {
            for (int i = 0; i < 50; i++)
                pool.Run(job);
        });
        job.Counts.Should().OnlyContain(count => count == 200);
    }

    [Fact]
    public void A_disposed_pool_refuses_work_and_its_threads_end()
    {
        WorkerPool pool = new(4);
        pool.Run(new Counting(4));
        pool.Dispose();
        pool.Dispose();
        FluentActions.Invoking(() => pool.Run(new Counting(4))).Should().Throw<ObjectDisposedException>();
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void A_barrier_lets_nobody_through_early_and_all_hear_the_same_verdict(int threads)
    {
        SpinBarrier barrier = new(threads);
        const int Rounds = 400;
        int[] arrived = new int[Rounds];
        bool[][] verdicts = [.. Enumerable.Range(0, threads).Select(_ => new bool[Rounds])];
        int early = 0;
        Thread[] crowd = [.. Enumerable.Range(0, threads).Select(id => new Thread(() =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                Interlocked.Increment(ref arrived[round]);
                verdicts[id][round] = barrier.Wait(stop: round % 7 == 3 && id == round % threads);
                if (Volatile.Read(ref arrived[round]) != threads)
                    Interlocked.Increment(ref early);
            }
        }))];
        foreach (Thread thread in crowd)
            thread.Start();
        foreach (Thread thread in crowd)
            thread.Join();
        early.Should().Be(0);
        foreach (bool[] heard in verdicts)
            heard.Should().Equal(Enumerable.Range(0, Rounds).Select(round => round % 7 == 3));
    }

    private sealed class Counting(int threads) : IPoolJob
    {
        public int[] Counts { get; } = new int[threads];

        public void Execute(int worker) => Counts[worker]++;
    }
}
