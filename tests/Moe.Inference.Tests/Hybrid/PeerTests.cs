using Moe.Inference.Cpu;
using Moe.Inference.Execution;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>Values that go from one device to another without the host.</summary>
public sealed class PeerTests : IDisposable
{
    private static readonly SimulatedDeviceOptions Peers = new() { CopiesFromPeers = true, MaxDelay = TimeSpan.FromMilliseconds(0.3), DelayProbability = 0.5, Seed = 3 };
    private readonly SimulatedDevice[] _devices = [new(0, Peers), new(1, Peers)];
    private readonly Model _model;

    public PeerTests() => _model = Load(_devices);

    public void Dispose() => _model.Dispose();

    [Fact]
    public void The_plan_copies_directly_where_devices_can_and_says_so()
    {
        using Context context = _model.CreateContext(Options(false));
        TransferOp[] routes = [.. context.Plan.Steps.Where(step => step.IsTransfer).Select(step => (TransferOp)step.Node.Operation)];
        routes.Should().Contain(route => route.From == Sim(0) && route.To == Sim(1)).And.Contain(route => route.From == Sim(1) && route.To == Sim(0));
        routes.Should().NotContain(route => route.To.IsCpu, "nobody on the host reads a value");
        context.Plan.ToString().Should().Contain("SIM0→SIM1");
        PlacementReport report = PlacementReport.For(ModelOutline.Read(TestModels.Shipped), _model.Placement, Options(false), _devices);
        report.Transfers.Should().Contain(transfer => transfer.From == Sim(0) && transfer.To == Sim(1));

        using Model without = Load([new SimulatedDevice(0), new SimulatedDevice(1)]);
        using Context detour = without.CreateContext(Options(false));
        detour.Plan.Steps.Where(step => step.IsTransfer).Select(step => (TransferOp)step.Node.Operation).Should().OnlyContain(route => route.From.IsCpu || route.To.IsCpu);
        detour.Plan.Steps.Count(step => step.IsTransfer).Should().BeGreaterThan(routes.Length);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Direct_copies_give_the_bits_of_the_host(bool validate)
    {
        using Model host = TestModels.Load();
        int[] tokens = TestModels.StoryTokens(host, validate ? 20 : 75);
        float[][] expected = await Logits(host, tokens, false), actual = await Logits(_model, tokens, validate);
        for (int i = 0; i < expected.Length; i++)
            actual[i].Should().Equal(expected[i], "position {0}", i);
        _devices[0].PeerBytes.Should().BePositive();
        _devices[1].PeerBytes.Should().BePositive();
    }

    [Fact]
    public void What_is_copied_is_what_the_plan_says()
    {
        using Context context = _model.CreateContext(Options(false));
        using Session session = context.CreateSession();
        session.Evaluate(TestModels.StoryTokens(_model, 9));
        foreach (SimulatedDevice device in _devices)
        {
            device.PeerBytes.Should().Be(context.Plan.Steps.Where(step => step.Node.Operation is TransferOp { From.IsCpu: false } route && route.To == device.Device)
                .Sum(step => step.Node.Inputs[0].Shape.ByteLength(new Graph.RunSize(9, 1, 1, 9))));
        }
    }

    [Fact]
    public void A_copy_that_stops_halfway_is_found_by_validation()
    {
        using Model broken = Load([.. _devices.Select(device => new ProviderDouble(device) { Copied = bytes => bytes / 2 })]);
        using Context context = broken.CreateContext(Options(true));
        using Session session = context.CreateSession();
        FluentActions.Invoking(() => session.Evaluate([1, 2, 3])).Should().Throw<ValidationException>().Which.Operation.Should().Be(TransferOp.OpName);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_failure_is_told_with_its_device_and_the_context_goes_on(int index)
    {
        using Context context = _model.CreateContext(Options(false));
        using Session session = context.CreateSession();
        float[] expected = session.Evaluate([1, 2, 3]);
        foreach (int after in (int[])[0, 3, 6])
        {
            session.Rewind(0);
            _devices[index].FailNext(SimulatedFailure.Transfer, after);
            FluentActions.Invoking(() => session.Evaluate([1, 2, 3])).Should().Throw<DeviceException>().Which.Device.Should().Be(Sim(index).ToString());
        }

        session.Rewind(0);
        session.Evaluate([1, 2, 3]).Should().Equal(expected);
    }

    [Fact]
    public void A_lost_device_is_told_by_whoever_copies_from_it()
    {
        SimulatedDevice[] devices = [new(0, Peers), new(1, Peers)];
        using Model model = Load(devices);
        using Context context = model.CreateContext(Options(false));
        using Session session = context.CreateSession();
        session.Evaluate([1, 2, 3]);
        session.Rewind(0);
        devices[0].FailNext(SimulatedFailure.DeviceLost, 5);
        FluentActions.Invoking(() => session.Evaluate([1, 2, 3])).Should().Throw<DeviceException>().Which.DeviceLost.Should().BeTrue();
    }

    [Fact]
    public void Devices_that_are_no_peers_refuse()
    {
        SimulatedDevice alone = new(0), other = new(1, Peers);
        using IBackend one = alone.Open(), two = other.Open();
        using DeviceBuffer here = one.Allocate(16, "here"), there = two.Allocate(16, "there"), host = new HostBuffer(16, "host");
        FluentActions.Invoking(() => one.EnqueueTransfer("x→SIM0", there, here)).Should().Throw<DeviceException>().WithMessage("*x→SIM0*SIM1*SIM0*");
        FluentActions.Invoking(() => two.EnqueueTransfer("x→SIM0", there, here)).Should().Throw<DeviceException>("who receives carries out").WithMessage("*x→SIM0*");
        one.Write(here, 0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        two.EnqueueTransfer("x→SIM1", here, there);
        two.Finish();
        two.Read(there).Should().Equal(Enumerable.Range(1, 16).Select(x => (byte)x));
        other.PeerBytes.Should().Be(16);
    }

    [Fact]
    public void Links_are_equal_if_they_link_the_same()
    {
        PeerLinks one = new([(Sim(0), Sim(1)), (Sim(1), Sim(0))]), same = new([(Sim(1), Sim(0)), (Sim(0), Sim(1))]), less = new([(Sim(0), Sim(1))]);
        one.Should().Be(same).And.NotBe(less);
        one.GetHashCode().Should().Be(same.GetHashCode());
        less.Has(Sim(0), Sim(1)).Should().BeTrue();
        less.Has(Sim(1), Sim(0)).Should().BeFalse();
        FluentActions.Invoking(() => new PeerLinks([(Device.Cpu, Sim(0))])).Should().Throw<ArgumentException>();
    }

    private static Device Sim(int index) => new(SimulatedDevice.DefaultKind, index);

    private static ContextOptions Options(bool validate) => new() { Threads = 1, ContextLength = 128, MicroBatch = 32, Validate = validate };

    // Layers alternate between two devices.
    private static Model Load(IReadOnlyList<IDeviceProvider> devices) => Model.Load(TestModels.Shipped, new ModelOptions
    {
        Devices = devices,
        Placement = Enumerable.Range(0, 64).Aggregate(DevicePlacement.On(Sim(0)), (all, layer) => layer % 2 == 0 ? all : all.PutMatching($@"blk\.{layer}\.", Sim(1))),
        CheckPlacement = false,
    });

    private static async Task<float[][]> Logits(Model model, int[] tokens, bool validate)
    {
        using Context context = model.CreateContext(Options(validate));
        using Session session = context.CreateSession();
        return await TestModels.LogitsOf(session, tokens);
    }
}
