using Moe.Inference.Placement;
using Moe.Inference.Sampling;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>A device that fails while a context works: the batch ends with the culprit's name, everything else goes on.</summary>
public sealed class FailureTests : IDisposable
{
    private const int Base = 70;
    private const int More = 3;
    // More than the engine computes ahead of a reader.
    private const int Generated = 40;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly Device Sim0 = new(SimulatedDevice.DefaultKind, 0);
    private readonly SimulatedDevice _device = new();
    private readonly Model _model;
    private readonly Context _context;
    private readonly int[] _story;

    public FailureTests()
    {
        // Experts on the host, so that values cross in both directions in every layer.
        _model = Load(_device);
        _context = _model.CreateContext(Options);
        _story = TestModels.StoryTokens(_model, Base + More);
    }

    private static ContextOptions Options => new() { ContextLength = 128, KvCapacity = 512, MicroBatch = 32, Threads = 1 };

    private static GenerationOptions Greedy(int tokens) => new() { MaxTokens = tokens, Sampling = SamplingOptions.Greedy, IgnoreEndOfGeneration = true };

    public void Dispose()
    {
        _context.Dispose();
        _model.Dispose();
        (_device.LiveBytes, _device.LiveBuffers, _device.LiveBackends).Should().Be((0, 0, 0));
    }

    [Theory]
    [InlineData(SimulatedFailure.Transfer, 1)]
    [InlineData(SimulatedFailure.Launch, 3)]
    public void After_a_failure_anywhere_in_a_run_the_next_request_gives_the_same_logits(SimulatedFailure failure, int stride)
    {
        using Session session = _context.CreateSession();
        session.Evaluate(_story.AsSpan(0, Base));
        float[] expected = session.Evaluate(_story.AsSpan(Base));
        int failures = 0;
        for (int after = 0; ; after += stride)
        {
            session.Rewind(Base);
            _device.FailNext(failure, after);
            DeviceException? error = null;
            try
            {
                session.Evaluate(_story.AsSpan(Base));
            }
            catch (DeviceException caught)
            {
                error = caught;
            }

            if (error is null)
                break;
            failures++;
            (error.Device, error.DeviceLost).Should().Be(("SIM0", false));
            error.Message.Should().Contain(error.Operation).And.Contain(error.Tensor).And.Contain("SIM0").And.Contain("told to fail");
            session.Rewind(Base);
            session.Evaluate(_story.AsSpan(Base)).Should().Equal(expected, "item {0} failed before", after);
        }

        // Each layer has more than ten kernels on the device, and its experts' inputs and outputs cross.
        failures.Should().BeGreaterThan(failure == SimulatedFailure.Launch ? 10 * _model.Shape.Layers / stride : 4 * _model.Shape.Layers);
        // The item that was to fail never came.
        _device.FailNext(failure, int.MaxValue);
    }

    [Theory]
    [InlineData(SimulatedFailure.Transfer)]
    [InlineData(SimulatedFailure.Launch)]
    public async Task A_failed_generation_goes_on_where_it_was(SimulatedFailure failure)
    {
        using Session undisturbed = _context.CreateSession();
        List<GeneratedToken> expected = await TestModels.Collect(undisturbed.GenerateAsync(_story, Greedy(Generated)));
        using Session session = _context.CreateSession();
        List<int> read = [];
        Func<Task> first = async () =>
        {
            await foreach (GeneratedToken token in session.GenerateAsync(_story, Greedy(Generated)))
            {
                read.Add(token.Id);
                if (read.Count == 3)
                    _device.FailNext(failure, 5);
            }
        };
        await FluentActions.Awaiting(() => first().WaitAsync(Patience)).Should().ThrowAsync<DeviceException>().WithMessage("*failed on SIM0*");
        session.Tokens.Should().Equal(_story.Concat(read), "the conversation is what was read");
        await foreach (GeneratedToken token in session.GenerateAsync(Greedy(Generated - read.Count)))
            read.Add(token.Id);
        read.Should().Equal(expected.Select(token => token.Id));
    }

    [Fact]
    public async Task Only_the_sessions_of_the_failed_batch_end()
    {
        using Session bystander = _context.CreateSession();
        bystander.Evaluate(_story.AsSpan(0, Base));
        using Session reference = bystander.Fork();
        float[] expected = reference.Evaluate(_story.AsSpan(Base));

        using Session first = bystander.Fork();
        using Session second = bystander.Fork();
        using ManualResetEventSlim gate = new();
        // The engine's thread is held until both requests are there, so that they share a batch.
        Task held = _context.Engine.InvokeAsync(() => gate.Wait(Patience));
        Task[] both = [.. new[] { first, second }.Select(session => session.EvaluateAsync(_story.AsMemory(0, 4), (_, _) => { }))];
        _device.FailNext(SimulatedFailure.Launch, 20);
        gate.Set();
        await held;
        foreach (Task one in both)
            await FluentActions.Awaiting(() => one.WaitAsync(Patience)).Should().ThrowAsync<DeviceException>();
        bystander.Evaluate(_story.AsSpan(Base)).Should().Equal(expected);
    }

    [Fact]
    public async Task A_lost_device_is_said_at_once_and_for_all_requests_and_a_new_one_takes_over()
    {
        SimulatedDevice lost = new();
        Model model = Load(lost);
        Context context = model.CreateContext(Options);
        using Session session = context.CreateSession();
        using Session slow = context.CreateSession();
        IAsyncEnumerator<GeneratedToken> reader = slow.GenerateAsync(_story, Greedy(100)).GetAsyncEnumerator();
        (await reader.MoveNextAsync()).Should().BeTrue();
        // The slow reader's generation has paused before the device goes.
        await Task.Delay(200);
        lost.FailNext(SimulatedFailure.DeviceLost, 7);
        DeviceException error = FluentActions.Invoking(() => session.Evaluate(_story)).Should().Throw<DeviceException>().Which;
        (error.Device, error.DeviceLost).Should().Be(("SIM0", true));
        Func<Task> rest = async () =>
        {
            while (await reader.MoveNextAsync())
            {
            }
        };
        await FluentActions.Awaiting(() => rest().WaitAsync(Patience)).Should().ThrowAsync<DeviceException>().WithMessage("*SIM0*lost*");
        FluentActions.Invoking(() => session.Evaluate([1])).Should().Throw<DeviceException>().WithMessage("*SIM0*lost*create it again*").Where(again => again.DeviceLost && again.Operation == error.Operation && again.Tensor == error.Tensor);
        session.Dispose();
        slow.Dispose();
        context.Dispose();
        model.Dispose();
        (lost.LiveBytes, lost.LiveBuffers, lost.LiveBackends).Should().Be((0, 0, 0));

        using Session here = _context.CreateSession();
        using Model again = Load(new SimulatedDevice());
        using Context fresh = again.CreateContext(Options);
        using Session there = fresh.CreateSession();
        there.Evaluate(_story).Should().Equal(here.Evaluate(_story));
    }

    [Fact]
    public void A_failed_copy_of_a_shared_page_gives_the_page_back()
    {
        using Session session = _context.CreateSession();
        session.Evaluate(_story.AsSpan(0, Base));
        using Session fork = session.Fork();
        // More often than there are pages.
        for (int i = 0; i < 20; i++)
        {
            _device.FailNext(SimulatedFailure.Transfer);
            FluentActions.Invoking(() => fork.Evaluate(_story.AsSpan(Base))).Should().Throw<DeviceException>().Where(error => error.Operation == "copy");
            fork.Rewind(Base);
        }

        float[] answer = fork.Evaluate(_story.AsSpan(Base));
        session.Evaluate(_story.AsSpan(Base)).Should().Equal(answer);
    }

    [Fact]
    public async Task A_predicate_that_throws_ends_its_request_only()
    {
        using Session reference = _context.CreateSession();
        reference.Evaluate(_story.AsSpan(0, 5));
        using Session bad = reference.Fork();
        using Session good = reference.Fork();
        float[] expected = reference.Evaluate(_story.AsSpan(5, 6));
        using ManualResetEventSlim gate = new();
        Task held = _context.Engine.InvokeAsync(() => gate.Wait(Patience));
        Task failing = bad.EvaluateAsync(_story.AsMemory(0, 5), (_, _) => { }, index => index < 3 ? true : throw new FormatException("mine"));
        float[] found = [];
        Task working = good.EvaluateAsync(_story.AsMemory(5, 6), (_, logits) => found = logits.ToArray());
        gate.Set();
        await held;
        await FluentActions.Awaiting(() => failing.WaitAsync(Patience)).Should().ThrowAsync<FormatException>();
        await working.WaitAsync(Patience);
        found.Should().Equal(expected);
    }

    private static Model Load(SimulatedDevice device) => Model.Load(TestModels.Shipped, new ModelOptions
    {
        Placement = DevicePlacement.On(Sim0).Put("blk.*.ffn_*_exps.weight", Device.Cpu),
        Devices = [device],
    });
}
