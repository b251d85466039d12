using System.Diagnostics;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>What fails while a model or a context is made leaves nothing behind. Counts the process's threads, so nothing runs beside it.</summary>
[Collection(Name)]
public sealed class CreationFailureTests : IDisposable
{
    private const string Name = "creation failures";
    private static readonly DevicePlacement Spread = DevicePlacement.On(Sim(0)).Put("blk.*.ffn_*_exps.weight", Device.Cpu).Put("blk.1.*", Sim(1));
    private readonly TemporaryFolder _folder = new();
    private readonly string _path;
    private readonly SimulatedDevice[] _devices = [new(0), new(1)];

    public CreationFailureTests()
    {
        _path = _folder["tiny.gguf"];
        TinyModel.Writer().Write(_path);
    }

    private static ContextOptions Options => new() { ContextLength = 64, MicroBatch = 8, Threads = 2 };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, SimulatedFailure.Allocation, false)]
    [InlineData(1, SimulatedFailure.Allocation, false)]
    [InlineData(0, SimulatedFailure.Allocation, true)]
    [InlineData(0, SimulatedFailure.Transfer, false)]
    [InlineData(1, SimulatedFailure.DeviceLost, false)]
    public void Whatever_fails_nothing_stays_allocated(int failing, SimulatedFailure failure, bool validate)
    {
        int failures = 0;
        for (bool failed = true; failed; failures++)
        {
            // A device that was lost stays so.
            SimulatedDevice[] devices = [new(0), new(1)];
            devices[failing].FailNext(failure, failures);
            failed = false;
            try
            {
                using Model model = Model.Load(_path, new ModelOptions { Placement = Spread, Devices = devices });
                using Context context = model.CreateContext(Options with { Validate = validate });
            }
            catch (MoeException error)
            {
                failed = true;
                error.Should().Match<MoeException>(e => failure == SimulatedFailure.Allocation ? e is OutOfDeviceMemoryException : e is DeviceException);
                error.Message.Should().Contain(Sim(failing).ToString());
            }

            foreach (SimulatedDevice device in devices)
                (device.LiveBytes, device.LiveBuffers, device.LiveBackends).Should().Be((0, 0, 0), "{0} number {1} failed", failure, failures);
        }

        // Weights of a layer without its experts; with them keys, values and the arena.
        int weights = failing == 0 ? 11 : 9;
        failures.Should().Be(1 + (failure == SimulatedFailure.Allocation ? weights + 3 : weights));
    }

    [Fact]
    public void A_context_that_could_not_be_made_can_be_made_afterwards()
    {
        using Model model = Model.Load(_path, new ModelOptions { Placement = Spread, Devices = _devices });
        (long Bytes, int Buffers, int Backends) before = (_devices[0].LiveBytes, _devices[0].LiveBuffers, _devices[0].LiveBackends);
        for (int after = 0; after < 3; after++)
        {
            _devices[0].FailNext(SimulatedFailure.Allocation, after);
            FluentActions.Invoking(() => model.CreateContext(Options)).Should().Throw<OutOfDeviceMemoryException>().WithMessage(after < 2 ? "SIM0*key/value memory of layer 0*" : "SIM0*compute arena*");
            (_devices[0].LiveBytes, _devices[0].LiveBuffers, _devices[0].LiveBackends).Should().Be(before);
        }

        using Context context = model.CreateContext(Options);
        using Session session = context.CreateSession();
        session.Evaluate([1, 2, 3]).Should().HaveCount(256);
    }

    [Fact]
    public void A_thousand_cycles_of_create_fail_dispose_leave_nothing()
    {
        const int Cycles = 1000;
        int seed = Random.Shared.Next();
        Random random = new(seed);
        Cycle(random);
        (int Threads, int Handles) before = Count();
        for (int i = 0; i < Cycles; i++)
        {
            Cycle(random);
            foreach (SimulatedDevice device in _devices)
                (device.LiveBytes, device.LiveBuffers, device.LiveBackends).Should().Be((0, 0, 0), "cycle {0}, seed {1}", i, seed);
        }

        (int Threads, int Handles) after = Count();
        // The pool and the runtime start a few of their own; a leak would be one a cycle at the least.
        after.Threads.Should().BeLessThan(before.Threads + (Cycles / 20));
        after.Handles.Should().BeLessThan(before.Handles + (Cycles / 20));
    }

    private static (int Threads, int Handles) Count()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using Process process = Process.GetCurrentProcess();
        return (process.Threads.Count, process.HandleCount);
    }

    // Fails anywhere: in loading, in making the context, in a run, or not at all.
    private void Cycle(Random random)
    {
        SimulatedDevice device = _devices[random.Next(2)];
        device.FailNext((SimulatedFailure)random.Next(3), random.Next(40));
        try
        {
            using Model model = Model.Load(_path, new ModelOptions { Placement = Spread, Devices = _devices });
            using Context context = model.CreateContext(Options);
            using Session session = context.CreateSession();
            session.Evaluate([1, 2, 3]);
        }
        catch (Exception expected) when (expected is DeviceException or OutOfDeviceMemoryException)
        {
        }
    }

    private static Device Sim(int index) => new(SimulatedDevice.DefaultKind, index);

    /// <summary>Keeps other tests from running at the same time.</summary>
    [CollectionDefinition(Name, DisableParallelization = true)]
    public sealed class Alone;
}
